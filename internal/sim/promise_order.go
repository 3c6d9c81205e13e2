package sim

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var inOrder = promise{
	sentence: "In order, a pod is created when all pods before it are available, or heal is at work and it was there before, and one too many is removed when none after it is left.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		pod, ok := e.Object.(*corev1.Pod)
		switch {
		case by == nil || !ok:
			return ""
		case e.Type == added:
			return j.allowed(e, by, func(v *view) string { return v.mayCreate(pod) })
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

func (v *view) mayCreate(pod *corev1.Pod) string {
	ordinal := v.ordinal(pod)
	if !v.wanted(ordinal) {
		return fmt.Sprintf("%s was created, and the set does not want it", pod.Name)
	}
	if !v.ordered() {
		return ""
	}
	for before := identity.OrdinalsOf(v.set).Start; before < ordinal; before++ {
		if !v.available(v.member(before)) && !v.returns(ordinal) {
			return fmt.Sprintf("%s was created while ordinal %d was not available", pod.Name, before)
		}
	}
	return ""
}

// returns reports whether a pod may be created beside one before it that is not
// available: heal is at work, and the ordinal was there before.
func (v *view) returns(ordinal int) bool {
	if v.set.Spec.UpdateStrategy.Type != appsv1.RollingUpdateStatefulSetStrategyType || !v.wasThere(ordinal) {
		return false
	}
	if v.images[v.set.Status.CurrentRevision] != imageOf(&v.set.Spec.Template.Spec) {
		return true
	}
	for _, pod := range v.pods {
		if v.owns(pod) && v.outdated(pod) && isDown(pod) {
			return true
		}
	}
	taken := v.lastRemoved(ordinal)
	return taken != nil && isDown(taken)
}

// wasThere reports whether the set had a pod of an ordinal, or of one after it: in order,
// it had both.
func (v *view) wasThere(ordinal int) bool {
	for _, e := range v.log {
		if pod, ok := e.Object.(*corev1.Pod); ok && ownedBy(pod, v.set) && v.ordinal(pod) >= ordinal {
			return true
		}
	}
	return false
}

// lastRemoved is the last pod of an ordinal that began to go, nil if none did.
func (v *view) lastRemoved(ordinal int) *corev1.Pod {
	for i := len(v.log) - 1; i >= 0; i-- {
		if pod, ok := v.log[i].Object.(*corev1.Pod); ok && removal(v.log[i]) && v.ordinal(pod) == ordinal {
			return v.log[i].Old.(*corev1.Pod)
		}
	}
	return nil
}

// isDown reports whether nothing of a pod runs.
func isDown(pod *corev1.Pod) bool {
	return !finished(pod) && (stuck(pod) || pod.Status.Phase == corev1.PodPending)
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
