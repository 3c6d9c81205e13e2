package integration

import (
	"fmt"
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/cluster/simnode"
	"ordinal.dev/ordinal/test/world"
)

func TestTheSpecificationsManifestRunsUnmodified(t *testing.T) {
	w := newScene(t)
	w.createFile("../../examples/statefulset.yaml")
	w.Happens(
		"my-statefulset-0 created", "my-statefulset-0 ready",
		"my-statefulset-1 created", "my-statefulset-1 ready",
		"my-statefulset-2 created", "my-statefulset-2 ready",
	)
	w.Eventually(w.Ready("my-statefulset", 3))
	w.Eventually(w.bound("data-my-statefulset-0", "data-my-statefulset-1", "data-my-statefulset-2"))
	w.Eventually(w.hasService("my-service"))
	w.NothingElseHappened()
}

func TestEachPodWaitsForTheOneBeforeIt(t *testing.T) {
	w := newScene(t)
	w.create(web(simulated(simnode.StateNotReady)))
	for i := range 3 {
		pod := fmt.Sprintf("web-%d", i)
		w.Happens(pod + " created")
		w.Eventually(w.running(pod))
		w.simulate(pod, simnode.StateReady)
		w.Happens(pod + " ready")
	}
	w.Eventually(w.Ready("web", 3))
	w.NothingElseHappened()
}

func TestPodsHaveTheIdentityOfTheirOrdinal(t *testing.T) {
	w := newScene(t)
	w.create(web())
	w.Eventually(w.Ready("web", 3))
	for i, pod := range w.Pods() {
		name := fmt.Sprintf("web-%d", i)
		if pod.Name != name || pod.Spec.Hostname != name || pod.Spec.Subdomain != "peers" {
			t.Errorf("pod %d is %s, hostname %q, subdomain %q", i, pod.Name, pod.Spec.Hostname, pod.Spec.Subdomain)
		}
		if got := pod.Labels["statefulset.kubernetes.io/pod-name"]; got != name {
			t.Errorf("%s is labelled with the pod name %q", name, got)
		}
		if got := pod.Labels["apps.kubernetes.io/pod-index"]; got != fmt.Sprint(i) {
			t.Errorf("%s is labelled with the index %q", name, got)
		}
		if got := claimOf(pod); got != "data-"+name {
			t.Errorf("%s mounts the claim %q", name, got)
		}
	}
}

func TestParallelPodsDoNotWaitForEachOther(t *testing.T) {
	w := newScene(t)
	w.create(web(parallel, simulated(simnode.StateNotReady)))
	w.Eventually(w.running("web-0", "web-1", "web-2"))
	for _, pod := range []string{"web-2", "web-1", "web-0"} {
		w.simulate(pod, simnode.StateReady)
	}
	w.Eventually(w.Ready("web", 3))
}

func TestScaleDownGoesInReverseAndOneAtATime(t *testing.T) {
	w := newScene(t)
	w.create(web(stubborn))
	w.Eventually(w.Ready("web", 3))
	w.Forget()

	w.scale(1)
	w.Happens("web-2 stopping")
	w.letGo("web-2")
	w.Happens("web-2 gone", "web-1 stopping")
	w.letGo("web-1")
	w.Happens("web-1 gone")
	w.Eventually(w.Ready("web", 1))
	w.NothingElseHappened()
}

func TestClaimsOutliveScaleDownAndAreUsedAgain(t *testing.T) {
	w := newScene(t)
	w.create(web())
	w.Eventually(w.Ready("web", 3))
	before := world.UIDs(w.Claims())

	w.scale(0)
	w.Eventually(w.Ready("web", 0))
	if pods := w.Pods(); len(pods) > 0 {
		t.Fatalf("pods are left after scaling to nothing: %v", world.Names(pods))
	}
	w.scale(3)
	w.Eventually(w.Ready("web", 3))
	if after := world.UIDs(w.Claims()); len(after) != 3 || !maps.Equal(before, after) {
		t.Errorf("the claims are not the same as before:\n%v\n%v", before, after)
	}
}

func TestOrdinalsBeginWhereTheSetSays(t *testing.T) {
	w := newScene(t)
	w.create(web(startingAt(5), replicas(2)))
	w.Happens("web-5 created", "web-5 ready", "web-6 created", "web-6 ready")
	w.Eventually(w.Ready("web", 2))
	w.Eventually(w.bound("data-web-5", "data-web-6"))
}

// running objects until the pods' containers run, ready or not.
func (w *scene) running(pods ...string) func() error {
	return func() error {
		for _, name := range pods {
			if pod := w.Pod(name); pod == nil || pod.Status.Phase != corev1.PodRunning {
				return fmt.Errorf("%s is not Running", name)
			}
		}
		return nil
	}
}

func (w *scene) bound(claims ...string) func() error {
	return func() error {
		for _, name := range claims {
			if claim := w.Claim(name); claim == nil || claim.Status.Phase != corev1.ClaimBound {
				return fmt.Errorf("the claim %s is not Bound", name)
			}
		}
		return nil
	}
}

func claimOf(pod *corev1.Pod) string {
	for _, v := range pod.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			return v.PersistentVolumeClaim.ClaimName
		}
	}
	return ""
}
