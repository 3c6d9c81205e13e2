package integration

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/test/world"
)

func TestKubectlOrdinalRemoveTakesThatPodAndNoOther(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(4)))
	w.Eventually(w.Ready("web", 4))
	w.Forget()

	w.Must(w.ordinal("policy web reserves ordinal 1, and StatefulSet web wants 3 pods", "remove", "pod/web-1"))
	w.Happens("web-1 stopping", "web-1 gone")
	w.Eventually(w.ordinals(0, 2, 3))
	w.Eventually(w.Ready("web", 3))
	w.Must(w.ordinal(`spec.scaling.reservedOrdinals: ["1", "3"]`, "remove", "web-3"))
	w.Happens("web-3 stopping", "web-3 gone")
	if err := w.ordinal("", "remove", "pod/web-3"); err == nil {
		t.Error("what was removed is removed again")
	}

	t.Log("no other comes or goes later, whatever is done with the set")
	w.scale(3)
	w.Happens("web-4 created", "web-4 ready")
	w.Eventually(w.ordinals(0, 2, 4))
	w.NothingElseHappened()
}

func TestKubectlOrdinalRemoveAsksBeforeClaimsAreLost(t *testing.T) {
	w := newScene(t)
	w.create(web(whenScaledDelete))
	w.Eventually(w.Ready("web", 3))
	w.Forget()
	if err := w.ordinal("", "remove", "pod/web-0"); err == nil {
		t.Error("it asked nobody")
	}
	w.NothingElseHappened()
	w.Must(w.ordinal("data-web-0", "remove", "pod/web-0", "--yes"))
	w.Happens("web-0 stopping", "web-0 gone")
	w.Eventually(w.claims("data-web-1", "data-web-2"))
	w.Eventually(w.Ready("web", 2))
}

func TestKubectlOrdinalRebuildBringsAPodBackWithoutItsData(t *testing.T) {
	w := newScene(t)
	w.create(web())
	w.Eventually(w.Ready("web", 3))
	before := world.UIDs(w.Claims())
	w.Forget()
	w.Must(w.ordinal("data-web-1", "rebuild", "pod/web-1", "--yes"))
	w.Happens("web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready")
	w.Eventually(w.Ready("web", 3))
	after := world.UIDs(w.Claims())
	for _, name := range []string{"data-web-0", "data-web-1", "data-web-2"} {
		if isNew := before[name] != after[name]; isNew != (name == "data-web-1") {
			t.Errorf("that claim %s is new is %t", name, isNew)
		}
	}
	if claim := w.Claim("data-web-1"); claim.Status.Phase != corev1.ClaimBound || metav1.GetControllerOf(claim) != nil {
		t.Errorf("the new claim is %s", claim.Status.Phase)
	}
	w.NothingElseHappened()
}
