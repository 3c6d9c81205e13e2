package simnode

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// deferredAgain is how long a resize that was deferred waits before it is tried again.
const deferredAgain = time.Second

// resize gives running containers the resources that the pod asks for (KEP-1287). What the
// node has room for is allocated first, and with the next report the containers have it. What
// it has no room for now is deferred, and what it never has room for is infeasible; a pod is
// resized as a whole, and none of its containers is restarted. It returns after how long to
// try again.
func resize(pod *corev1.Pod, status *corev1.PodStatus, o observation) time.Duration {
	if hasAllocated(pod, status) {
		give(pod, status)
		removeCondition(status, corev1.PodResizePending)
		removeCondition(status, corev1.PodResizeInProgress)
		return 0
	}
	reason, message, again := "", "", time.Duration(0)
	asked := requested(pod)
	if lacking := exceeded(o.allocatable, asked); lacking != "" {
		reason, message = corev1.PodReasonInfeasible, "the node has less "+lacking+" than is asked for: simulated"
	} else if lacking := exceeded(o.allocatable, asked, o.others()); lacking != "" {
		reason, message, again = corev1.PodReasonDeferred, "the node has not enough "+lacking+" free: simulated", deferredAgain
	}
	condition := corev1.PodCondition{Type: corev1.PodResizePending, Status: corev1.ConditionTrue, Reason: reason, Message: message, ObservedGeneration: pod.Generation}
	if reason == "" {
		allocate(pod, status)
		removeCondition(status, corev1.PodResizePending)
		condition.Type = corev1.PodResizeInProgress
	}
	setCondition(status, condition, o.now)
	return again
}

// hasAllocated reports whether all running containers were allocated what they ask for.
func hasAllocated(pod *corev1.Pod, status *corev1.PodStatus) bool {
	for i, c := range status.ContainerStatuses {
		if c.State.Running != nil && !equality.Semantic.DeepEqual(c.AllocatedResources, pod.Spec.Containers[i].Resources.Requests) {
			return false
		}
	}
	return true
}

func allocate(pod *corev1.Pod, status *corev1.PodStatus) {
	for i := range status.ContainerStatuses {
		status.ContainerStatuses[i].AllocatedResources = pod.Spec.Containers[i].Resources.DeepCopy().Requests
	}
}

func give(pod *corev1.Pod, status *corev1.PodStatus) {
	for i := range status.ContainerStatuses {
		if c := &status.ContainerStatuses[i]; c.State.Running != nil {
			c.Resources = resourcesOf(pod.Spec.Containers[i])
		}
	}
}

// resourcesOf are what a container asks for; nil for nothing.
func resourcesOf(c corev1.Container) *corev1.ResourceRequirements {
	if len(c.Resources.Requests)+len(c.Resources.Limits) == 0 {
		return nil
	}
	return c.Resources.DeepCopy()
}

// requested is what a pod's containers ask for.
func requested(pod *corev1.Pod) corev1.ResourceList {
	sum := corev1.ResourceList{}
	for _, c := range pod.Spec.Containers {
		add(sum, c.Resources.Requests)
	}
	return sum
}

// allocated is what a pod's containers have been given, or ask for if they do not run yet.
func allocated(pod *corev1.Pod) corev1.ResourceList {
	given := map[string]corev1.ResourceList{}
	for _, c := range pod.Status.ContainerStatuses {
		given[c.Name] = c.AllocatedResources
	}
	sum := corev1.ResourceList{}
	for _, c := range pod.Spec.Containers {
		if given[c.Name] != nil {
			add(sum, given[c.Name])
		} else {
			add(sum, c.Resources.Requests)
		}
	}
	return sum
}

func add(sum, amounts corev1.ResourceList) {
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		total := sum[name]
		total.Add(amounts[name])
		sum[name] = total
	}
}

// exceeded is the resource of which several lists together take more than there is; empty if
// there is enough of both.
func exceeded(all corev1.ResourceList, lists ...corev1.ResourceList) string {
	sum := corev1.ResourceList{}
	for _, list := range lists {
		add(sum, list)
	}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if total := sum[name]; total.Cmp(all[name]) > 0 {
			return string(name)
		}
	}
	return ""
}
