package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// unasked are the resources that a pod's specification does not ask for yet.
func unasked(pod *corev1.Pod, wanted map[string]corev1.ResourceRequirements) map[string]corev1.ResourceRequirements {
	var all map[string]corev1.ResourceRequirements
	for name, r := range wanted {
		i := slices.IndexFunc(pod.Spec.Containers, func(c corev1.Container) bool { return c.Name == name })
		if i < 0 || !covers(pod.Spec.Containers[i].Resources, r) {
			all = with(all, name, r)
		}
	}
	return all
}

// resized reports whether the pod's containers have the resources that they are to have.
func resized(pod *corev1.Pod, wanted map[string]corev1.ResourceRequirements) bool {
	if podCondition(pod, corev1.PodResizePending) != nil || podCondition(pod, corev1.PodResizeInProgress) != nil {
		return false
	}
	if pod.Status.ObservedGeneration != 0 && pod.Status.ObservedGeneration < pod.Generation {
		return false
	}
	for name, r := range wanted {
		status := statusOfContainer(pod, name)
		if status == nil || status.Resources == nil || !covers(*status.Resources, r) {
			return false
		}
	}
	return true
}

// covers reports whether resources are the wanted ones, as far as those say.
func covers(is, wanted corev1.ResourceRequirements) bool {
	same := func(is, wanted corev1.ResourceList) bool {
		for name, amount := range wanted {
			if has, ok := is[name]; !ok || has.Cmp(amount) != 0 {
				return false
			}
		}
		return true
	}
	return same(is.Requests, wanted.Requests) && same(is.Limits, wanted.Limits)
}

// noResize is why a pod cannot be resized in a cluster of before 1.33.
const noResize = "this API server cannot resize pods"

// resizeObstacle says why a resize will not come about: the API server has refused it, the
// node never can, or it has been deferred for too long. It is empty otherwise.
func (p *planner) resizeObstacle(m *member, pod *corev1.Pod) string {
	if p.NoResize {
		return noResize
	}
	if r := p.ResizeRefused; r != nil && r.UID == pod.UID {
		return r.Message
	}
	pending := podCondition(pod, corev1.PodResizePending)
	if pending == nil {
		return ""
	}
	if pending.Reason == corev1.PodReasonInfeasible {
		return "its node cannot resize it" + detail("", pending.Message)
	}
	patience := deferredTimeout
	if inPlace := p.rollout.InPlace; inPlace != nil && inPlace.DeferredTimeoutSeconds != nil {
		patience = inSeconds(*inPlace.DeferredTimeoutSeconds)
	}
	since := m.moves.Since
	if at := pending.LastTransitionTime.Time; at.After(since) {
		since = at
	}
	left := since.Add(patience).Sub(p.Now)
	if left <= 0 {
		return fmt.Sprintf("its node has deferred the resize for %s%s", patience, detail("", pending.Message))
	}
	p.lookAgain(left)
	return ""
}

// deferredWords say that a node has put a resize off, and why.
func (p *planner) deferredWords(m *member, pod *corev1.Pod) string {
	pending := podCondition(pod, corev1.PodResizePending)
	if pending == nil {
		return ""
	}
	return fmt.Sprintf(", which its node has deferred since %s%s", m.moves.Since.Format(time.TimeOnly), detail("", pending.Message))
}

func statusOfContainer(pod *corev1.Pod, name string) *corev1.ContainerStatus {
	for i := range pod.Status.ContainerStatuses {
		if pod.Status.ContainerStatuses[i].Name == name {
			return &pod.Status.ContainerStatuses[i]
		}
	}
	return nil
}

func containerID(pod *corev1.Pod, name string) string {
	if status := statusOfContainer(pod, name); status != nil {
		return status.ContainerID
	}
	return ""
}

// amounts are a container's resources in words.
func amounts(r corev1.ResourceRequirements) string {
	var words []string
	for _, part := range []struct {
		name string
		all  corev1.ResourceList
	}{{"requests", r.Requests}, {"limits", r.Limits}} {
		for _, name := range slices.Sorted(maps.Keys(part.all)) {
			amount := part.all[name]
			words = append(words, fmt.Sprintf("%s.%s=%s", part.name, name, amount.String()))
		}
	}
	return strings.Join(words, " ")
}
