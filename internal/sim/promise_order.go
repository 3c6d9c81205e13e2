package sim

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var inOrder = promise{
	sentence: "In order, a pod is created when all pods before it are available, or comes back beside them where heal is at work, and one too many is removed when none after it is left.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		pod, ok := e.Object.(*corev1.Pod)
		switch {
		case by == nil || !ok:
			return ""
		case e.Type == added:
			return j.allowed(e, by, func(v *view) string { return j.mayCreate(v, pod, by) })
		case removal(e):
			return j.allowed(e, by, func(v *view) string {
				if v.wanted(v.ordinal(pod)) {
					return "" // see updateWithinBudget
				}
				return v.mayScaleDown(e.Old.(*corev1.Pod))
			})
		}
		return ""
	},
}

// removal reports whether an event is the beginning of a pod's end.
func removal(e apiserver.Event) bool {
	return e.Old != nil && e.Old.GetDeletionTimestamp() == nil && (e.Type == deleted || e.Object.GetDeletionTimestamp() != nil)
}

func (j *judge) mayCreate(v *view, pod *corev1.Pod, by *instance) string {
	ordinal := v.ordinal(pod)
	if v.reserves(ordinal) {
		return "" // see reservedIsFree
	}
	if !v.wanted(ordinal) {
		return fmt.Sprintf("%s was created, and the set does not want it", pod.Name)
	}
	if !v.ordered() {
		return ""
	}
	for before := range v.ordinals().All() {
		if before < ordinal && !v.available(v.member(before)) && !j.comesBack(v, ordinal, by) && !v.isBesideNewcomer(before, ordinal) {
			return fmt.Sprintf("%s was created while ordinal %d was not available", pod.Name, before)
		}
	}
	return ""
}

// mayScaleDown says why a pod of an ordinal that is not wanted may not go. One
// that has ended, or that Recreate replaces, need not wait for its turn.
func (v *view) mayScaleDown(pod *corev1.Pod) string {
	recreated := v.set.Spec.UpdateStrategy.Type == appsv1.RecreateStatefulSetStrategyType && v.outdated(pod)
	if !v.ordered() || finished(pod) || recreated {
		return ""
	}
	for _, other := range v.pods {
		if v.owns(other) && v.ordinal(other) > v.ordinal(pod) && !v.wanted(v.ordinal(other)) {
			return fmt.Sprintf("%s was removed while %s was there", pod.Name, other.Name)
		}
	}
	return ""
}
