package integration

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/cluster/simnode"
)

func TestADeletedPodComesBackWithItsClaim(t *testing.T) {
	w := newWorld(t)
	w.create(web())
	w.eventually(w.ready("web", 3))
	claim := w.claim("data-web-1").UID
	w.forget()

	w.deletePod("web-1")
	w.happens("web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready")
	w.eventually(w.ready("web", 3))
	if got := w.claim("data-web-1").UID; got != claim || claimOf(w.pod("web-1")) != "data-web-1" {
		t.Errorf("web-1 came back with another claim than %s: %s", claim, got)
	}
	w.nothingElseHappened()
}

func TestNoSecondPodWhileTheFirstIsStopping(t *testing.T) {
	w := newWorld(t)
	w.create(web(stubborn))
	w.eventually(w.ready("web", 3))
	w.forget()

	w.deletePod("web-1")
	w.happens("web-1 stopping")
	// Something else for the controller to do, so that it looks at the set.
	w.scale(4)
	w.letGo("web-1")
	w.happens("web-1 gone", "web-1 created", "web-1 ready", "web-3 created", "web-3 ready")
	w.nothingElseHappened()
}

func TestPodsThatEndedAreReplaced(t *testing.T) {
	for _, end := range []string{simnode.StateFailed, simnode.StateEvicted} {
		t.Run(end, func(t *testing.T) {
			w := newWorld(t)
			w.create(web())
			w.eventually(w.ready("web", 3))
			w.forget()

			w.simulate("web-1", end)
			w.happens("web-1 failed", "web-1 gone", "web-1 created", "web-1 ready")
			w.eventually(w.ready("web", 3))
			w.nothingElseHappened()
		})
	}
}

func TestAMissingClaimOfAnAbsentPodIsMadeAgain(t *testing.T) {
	w := newWorld(t)
	w.create(web())
	w.eventually(w.ready("web", 3))
	old := w.claim("data-web-2").UID

	w.scale(2)
	w.eventually(w.ready("web", 2))
	w.must(w.client.CoreV1().PersistentVolumeClaims(w.namespace).Delete(w.ctx, "data-web-2", metav1.DeleteOptions{}))
	w.scale(3)
	w.eventually(w.ready("web", 3))
	w.eventually(w.bound("data-web-2"))
	if w.claim("data-web-2").UID == old {
		t.Error("the claim that was deleted is still in use")
	}
}
