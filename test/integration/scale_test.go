package integration

import (
	"fmt"
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/cluster/simnode"
)

func TestTheSpecificationsManifestRunsUnmodified(t *testing.T) {
	w := newWorld(t)
	w.createFile("../../examples/statefulset.yaml")
	w.happens(
		"my-statefulset-0 created", "my-statefulset-0 ready",
		"my-statefulset-1 created", "my-statefulset-1 ready",
		"my-statefulset-2 created", "my-statefulset-2 ready",
	)
	w.eventually(w.ready("my-statefulset", 3))
	w.eventually(w.bound("data-my-statefulset-0", "data-my-statefulset-1", "data-my-statefulset-2"))
	if w.service("my-service") == nil {
		t.Error("the Service that spec.serviceName names was not created")
	}
	w.nothingElseHappened()
}

func TestEachPodWaitsForTheOneBeforeIt(t *testing.T) {
	w := newWorld(t)
	w.create(web(simulated(simnode.StateNotReady)))
	for i := range 3 {
		pod := fmt.Sprintf("web-%d", i)
		w.happens(pod + " created")
		w.eventually(w.running(pod))
		w.simulate(pod, simnode.StateReady)
		w.happens(pod + " ready")
	}
	w.eventually(w.ready("web", 3))
	w.nothingElseHappened()
}

func TestPodsHaveTheIdentityOfTheirOrdinal(t *testing.T) {
	w := newWorld(t)
	w.create(web())
	w.eventually(w.ready("web", 3))
	for i, pod := range w.pods() {
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
	w := newWorld(t)
	w.create(web(parallel, simulated(simnode.StateNotReady)))
	w.eventually(w.running("web-0", "web-1", "web-2"))
	for _, pod := range []string{"web-2", "web-1", "web-0"} {
		w.simulate(pod, simnode.StateReady)
	}
	w.eventually(w.ready("web", 3))
}

func TestScaleDownGoesInReverseAndOneAtATime(t *testing.T) {
	w := newWorld(t)
	w.create(web(stubborn))
	w.eventually(w.ready("web", 3))
	w.forget()

	w.scale(1)
	w.happens("web-2 stopping")
	w.letGo("web-2")
	w.happens("web-2 gone", "web-1 stopping")
	w.letGo("web-1")
	w.happens("web-1 gone")
	w.eventually(w.ready("web", 1))
	w.nothingElseHappened()
}

func TestClaimsOutliveScaleDownAndAreUsedAgain(t *testing.T) {
	w := newWorld(t)
	w.create(web())
	w.eventually(w.ready("web", 3))
	before := uids(w.claims())

	w.scale(0)
	w.eventually(w.ready("web", 0))
	if pods := w.pods(); len(pods) > 0 {
		t.Fatalf("pods are left after scaling to nothing: %v", names(pods))
	}
	w.scale(3)
	w.eventually(w.ready("web", 3))
	if after := uids(w.claims()); len(after) != 3 || !maps.Equal(before, after) {
		t.Errorf("the claims are not the same as before:\n%v\n%v", before, after)
	}
}

func TestOrdinalsBeginWhereTheSetSays(t *testing.T) {
	w := newWorld(t)
	w.create(web(startingAt(5), replicas(2)))
	w.happens("web-5 created", "web-5 ready", "web-6 created", "web-6 ready")
	w.eventually(w.ready("web", 2))
	w.eventually(w.bound("data-web-5", "data-web-6"))
}

// running objects until the pods' containers run, ready or not.
func (w *world) running(pods ...string) func() error {
	return func() error {
		for _, name := range pods {
			if pod := w.pod(name); pod == nil || pod.Status.Phase != corev1.PodRunning {
				return fmt.Errorf("%s is not Running", name)
			}
		}
		return nil
	}
}

func (w *world) bound(claims ...string) func() error {
	return func() error {
		for _, name := range claims {
			if claim := w.claim(name); claim == nil || claim.Status.Phase != corev1.ClaimBound {
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
