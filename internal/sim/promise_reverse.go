package sim

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var deletedInReverse = promise{
	sentence: "Of a set that is deleted in reverse order a pod goes only when all above it are gone, and the set stays until they are; nothing of it is written but that.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		if by == nil || !j.ruled {
			return ""
		}
		switch object := e.Object.(type) {
		case *corev1.Pod:
			if removal(e) {
				return j.allowed(e, by, func(v *view) string { return v.mayGoInReverse(e.Old.(*corev1.Pod)) })
			}
		case *appsv1.StatefulSet:
			return j.mayLetGo(e, object, by)
		}
		return ""
	},
	rest: func(j *judge) string {
		for _, object := range j.w.api.List(sets, namespace) {
			v := j.viewNow(object.(*appsv1.StatefulSet))
			has, wants := slices.Contains(v.set.Finalizers, plan.DeletionFinalizer), v.inReverse() && *v.set.Spec.Replicas > 0
			if has != wants && v.set.DeletionTimestamp == nil {
				return fmt.Sprintf("%s has the finalizer for its deletion in order: %t, and it is to: %t", v.set.Name, has, wants)
			}
		}
		return ""
	},
}

// mayGoInReverse says why a pod of a set that is being deleted may not go yet.
func (v *view) mayGoInReverse(pod *corev1.Pod) string {
	if v.set.DeletionTimestamp == nil {
		return ""
	}
	for _, name := range sortedKeys(v.pods) {
		if other := v.pods[name]; v.owns(other) && v.ordinal(other) > v.ordinal(pod) {
			return fmt.Sprintf("%s was taken down, and %s was there", pod.Name, name)
		}
	}
	return ""
}

// mayLetGo says why a controller may not change the finalizers of a set so.
func (j *judge) mayLetGo(e apiserver.Event, set *appsv1.StatefulSet, by *instance) string {
	if e.Old == nil {
		return ""
	}
	had, has := e.Old.GetFinalizers(), set.Finalizers
	isOurs := func(f string) bool { return f == plan.DeletionFinalizer }
	switch kept := slices.DeleteFunc(slices.Clone(had), isOurs); {
	case !slices.Equal(kept, slices.DeleteFunc(slices.Clone(has), isOurs)):
		return fmt.Sprintf("the finalizers of %s were %v, and are %v", set.Name, had, has)
	case e.Old.GetGeneration() != set.Generation:
		return fmt.Sprintf("the specification of %s was changed", set.Name)
	case len(kept) == len(had) || slices.Contains(has, plan.DeletionFinalizer):
		return ""
	}
	return j.allowed(e, by, func(v *view) string {
		switch {
		case v.set.DeletionTimestamp == nil && !v.inReverse(), v.set.DeletionTimestamp != nil && j.isDisordered(v):
			return ""
		}
		for _, name := range sortedKeys(v.pods) {
			if v.owns(v.pods[name]) {
				return fmt.Sprintf("the finalizer was taken from %s, and %s was there", set.Name, name)
			}
		}
		return ""
	})
}

// isDisordered reports whether the pods of a set that is being deleted are not to go in order.
func (j *judge) isDisordered(v *view) bool {
	return j.w.api.Terminating[namespace] || v.policy() != nil && !v.inReverse() ||
		slices.Contains(v.set.Finalizers, metav1.FinalizerDeleteDependents) || slices.Contains(v.set.Finalizers, metav1.FinalizerOrphanDependents)
}
