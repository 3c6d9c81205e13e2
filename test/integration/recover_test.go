package integration

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/cluster/simnode"
)

func TestADeletedPodComesBackWithItsClaim(t *testing.T) {
	w := newScene(t)
	w.create(web())
	w.Eventually(w.Ready("web", 3))
	claim := w.Claim("data-web-1").UID
	w.Forget()

	w.deletePod("web-1")
	w.Happens("web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready")
	w.Eventually(w.Ready("web", 3))
	if got := w.Claim("data-web-1").UID; got != claim || claimOf(w.Pod("web-1")) != "data-web-1" {
		t.Errorf("web-1 came back with another claim than %s: %s", claim, got)
	}
	w.NothingElseHappened()
}

func TestNoSecondPodWhileTheFirstIsStopping(t *testing.T) {
	w := newScene(t)
	w.create(web(stubborn))
	w.Eventually(w.Ready("web", 3))
	w.Forget()

	w.deletePod("web-1")
	w.Happens("web-1 stopping")
	// Something else for the controller to do, so that it looks at the set.
	w.scale(4)
	w.letGo("web-1")
	w.Happens("web-1 gone", "web-1 created", "web-1 ready", "web-3 created", "web-3 ready")
	w.NothingElseHappened()
}

func TestPodsThatEndedAreReplaced(t *testing.T) {
	for _, end := range []string{simnode.StateFailed, simnode.StateEvicted} {
		t.Run(end, func(t *testing.T) {
			w := newScene(t)
			w.create(web())
			w.Eventually(w.Ready("web", 3))
			w.Forget()

			w.simulate("web-1", end)
			w.Happens("web-1 failed", "web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready")
			w.Eventually(w.Ready("web", 3))
			w.NothingElseHappened()
		})
	}
}

func TestAMissingClaimOfAnAbsentPodIsMadeAgain(t *testing.T) {
	w := newScene(t)
	w.create(web())
	w.Eventually(w.Ready("web", 3))
	old := w.Claim("data-web-2").UID

	w.scale(2)
	w.Eventually(w.Ready("web", 2))
	w.Must(w.Client.CoreV1().PersistentVolumeClaims(w.Namespace).Delete(w.Ctx, "data-web-2", metav1.DeleteOptions{}))
	w.scale(3)
	w.Eventually(w.Ready("web", 3))
	w.Eventually(w.bound("data-web-2"))
	if w.Claim("data-web-2").UID == old {
		t.Error("the claim that was deleted is still in use")
	}
}
