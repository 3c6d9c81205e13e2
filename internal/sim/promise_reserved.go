package sim

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var reservedIsFree = promise{
	sentence: "A reserved ordinal gets no pod, and has none when the set is at rest; there are as many others.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		pod, ok := e.Object.(*corev1.Pod)
		if !ok || by == nil || !j.ruled || e.Type != added {
			return ""
		}
		return j.allowed(e, by, func(v *view) string {
			if v.reserves(v.ordinal(pod)) {
				return fmt.Sprintf("%s was created, and its ordinal is reserved", pod.Name)
			}
			return ""
		})
	},
	rest: func(j *judge) string {
		for _, object := range j.w.api.List(sets, namespace) {
			if words := j.viewNow(object.(*appsv1.StatefulSet)).countsOthers(); words != "" {
				return words
			}
		}
		return ""
	},
}

// reserves reports whether the policy reserves an ordinal by now.
func (v *view) reserves(ordinal int) bool {
	policy := v.policy()
	if policy == nil || policy.Spec.Scaling == nil {
		return false
	}
	later := v.reservedLater(policy)
	return slices.ContainsFunc(policy.Spec.Scaling.ReservedOrdinals, func(text v1alpha1.OrdinalRange) bool {
		return namesOrdinal(text, ordinal) && !slices.Contains(later, text)
	})
}

// countsOthers says of a set at rest which pod has a reserved ordinal, or that there are not as
// many as it has replicas.
func (v *view) countsOthers() string {
	if policy := v.policy(); policy == nil || policy.Spec.Scaling == nil || v.set.DeletionTimestamp != nil {
		return ""
	}
	n := 0
	for _, name := range sortedKeys(v.pods) {
		pod := v.pods[name]
		if !v.owns(pod) || v.ordinal(pod) < 0 {
			continue
		}
		if n++; v.reserves(v.ordinal(pod)) {
			return fmt.Sprintf("%s is there, and its ordinal is reserved", name)
		}
	}
	if want := int(*v.set.Spec.Replicas); n != want {
		return fmt.Sprintf("%s has %d pods, and wants %d", v.set.Name, n, want)
	}
	return ""
}
