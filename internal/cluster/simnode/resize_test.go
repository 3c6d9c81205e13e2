package simnode

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func asking(cpu string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Generation++
		pod.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}
	}
}

// given is the cpu that a pod's container was allocated, and that it has.
func given(pod *corev1.Pod) (allocated, has string) {
	status := pod.Status.ContainerStatuses[0]
	has = "nothing"
	if status.Resources != nil {
		has = status.Resources.Requests.Cpu().String()
	}
	return status.AllocatedResources.Cpu().String(), has
}

func conditionOf(status corev1.PodStatus, t corev1.PodConditionType) *corev1.PodCondition {
	for i := range status.Conditions {
		if status.Conditions[i].Type == t {
			return &status.Conditions[i]
		}
	}
	return nil
}

func TestContainersStartWithWhatTheyAskFor(t *testing.T) {
	pod := bound("web-0", asking("2"))
	pod.Status = reported(pod)
	if allocated, has := given(pod); allocated != "2" || has != "2" {
		t.Errorf("allocated %s and has %s, want 2", allocated, has)
	}
}

func TestAResizeIsAllocatedAndThenDone(t *testing.T) {
	pod := bound("web-0", asking("2"))
	pod.Status = reported(pod)
	asking("4")(pod)
	step := func() {
		pod.Status, _ = report(pod, script{state: StateReady}, observation{
			now: at, started: at, podIP: "10.87.0.9", allocatable: node{}.allocatable(),
			others: func() corev1.ResourceList { return nil },
		})
	}
	step()
	allocated, has := given(pod)
	if allocated != "4" || has != "2" || conditionOf(pod.Status, corev1.PodResizeInProgress) == nil {
		t.Errorf("first: allocated %s, has %s, conditions %+v; want 4, 2, and PodResizeInProgress", allocated, has, pod.Status.Conditions)
	}
	step()
	allocated, has = given(pod)
	if allocated != "4" || has != "4" || conditionOf(pod.Status, corev1.PodResizeInProgress) != nil {
		t.Errorf("then: allocated %s, has %s, conditions %+v; want 4, 4, and no PodResizeInProgress", allocated, has, pod.Status.Conditions)
	}
}

func TestAResizeRestartsNothing(t *testing.T) {
	inWorld(t, 1, nil, func(w world) {
		w.add(bound("web-0", asking("2")))
		before := w.pod("web-0").Status.ContainerStatuses[0]
		w.change("web-0", asking("4"))
		after := w.pod("web-0")
		if _, has := given(after); has != "4" || !ready(after) {
			t.Errorf("it has %s, ready %t", has, ready(after))
		}
		if after.Status.ContainerStatuses[0].ContainerID != before.ContainerID {
			t.Error("its container is another")
		}
		if after.Status.ObservedGeneration != after.Generation {
			t.Errorf("generation %d is observed of %d", after.Status.ObservedGeneration, after.Generation)
		}
	})
}

func TestAResizeWaitsUntilOtherPodsLeaveRoom(t *testing.T) {
	inWorld(t, 1, nil, func(w world) {
		w.add(bound("web-0", asking("2")), bound("large", asking("40")))
		w.change("web-0", asking("30"))
		pod := w.pod("web-0")
		c := conditionOf(pod.Status, corev1.PodResizePending)
		if c == nil || c.Reason != corev1.PodReasonDeferred || !strings.Contains(c.Message, "not enough cpu free") {
			t.Fatalf("conditions %+v, want a resize that is deferred", pod.Status.Conditions)
		}
		if allocated, has := given(pod); allocated != "2" || has != "2" {
			t.Errorf("allocated %s and has %s meanwhile, want 2", allocated, has)
		}
		w.change("large", deletedNow)
		w.pass(2 * time.Second)
		pod = w.pod("web-0")
		if _, has := given(pod); has != "30" || conditionOf(pod.Status, corev1.PodResizePending) != nil {
			t.Errorf("it has %s, conditions %+v", has, pod.Status.Conditions)
		}
	})
}

func TestAResizeThatTheNodeIsTooSmallForIsInfeasible(t *testing.T) {
	inWorld(t, 1, nil, func(w world) {
		w.add(bound("web-0", asking("2")))
		w.change("web-0", asking("65"))
		pod := w.pod("web-0")
		if c := conditionOf(pod.Status, corev1.PodResizePending); c == nil || c.Reason != corev1.PodReasonInfeasible {
			t.Fatalf("conditions %+v, want a resize that is infeasible", pod.Status.Conditions)
		}
		w.change("web-0", asking("2"))
		if c := conditionOf(w.pod("web-0").Status, corev1.PodResizePending); c != nil {
			t.Errorf("still %+v, although the pod asks for what it has", c)
		}
	})
}

func TestAnotherImageRestartsItsContainerAndNoOther(t *testing.T) {
	inWorld(t, 1, nil, func(w world) {
		w.add(bound("web-0", func(p *corev1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "proxy", Image: "proxy:1"})
		}))
		before := w.pod("web-0").Status.ContainerStatuses
		w.pass(time.Minute)
		writes := w.statusWrites()
		w.change("web-0", func(p *corev1.Pod) { p.Spec.Containers[0].Image = "other" })
		after := w.pod("web-0")
		is, proxy := after.Status.ContainerStatuses[0], after.Status.ContainerStatuses[1]
		if is.ContainerID == before[0].ContainerID || is.RestartCount != 1 || is.Image != "other" || !is.State.Running.StartedAt.After(before[0].State.Running.StartedAt.Time) {
			t.Errorf("its container became %+v", is)
		}
		if proxy.ContainerID != before[1].ContainerID || !proxy.State.Running.StartedAt.Equal(&before[1].State.Running.StartedAt) {
			t.Errorf("its other container became %+v", proxy)
		}
		if n := w.statusWrites() - writes; n != 2 || !ready(after) {
			t.Errorf("%d writes, ready %t; want one while the container does not run, and one when it does", n, ready(after))
		}
	})
}
