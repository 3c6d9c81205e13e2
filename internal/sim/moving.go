package sim

import (
	"encoding/json"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/override"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// destination is the revision that a pod is being updated to in place; empty if it is not.
func destination(pod *corev1.Pod) string {
	text, has := pod.Annotations[plan.InPlaceAnnotation]
	if !has {
		return ""
	}
	m := struct{ To string }{}
	_ = json.Unmarshal([]byte(text), &m) // nobody but the controller writes it here
	return m.To
}

// isMoving reports whether a pod is on its way to the revision that pods are brought to,
// without being recreated. Until it shows all of that it is not available.
func (v *view) isMoving(pod *corev1.Pod) bool {
	return destination(pod) != "" && v.isMovingTo(pod, v.targetLook())
}

func (v *view) isMovingTo(pod *corev1.Pod, look string) bool {
	to := destination(pod)
	if to == "" || !v.isGoal(pod, to, look) {
		return false
	}
	return to == override.BuildOf(pod) || v.mayMove() && !v.belowPartition(v.ordinal(pod))
}

// isGoal reports whether a pod that goes to a revision, and an override, comes to look so, with
// the overrides of its ordinal.
func (v *view) isGoal(pod *corev1.Pod, to, look string) bool {
	revision, hash, _ := strings.Cut(to, "+")
	return v.looks[revision] == look && hash == v.hashFor(v.ordinal(pod))
}

// hasLeft reports whether a pod was on its way to a revision that is not the target any more.
func (v *view) hasLeft(pod *corev1.Pod) bool {
	return destination(pod) != "" && v.hasLeftFor(pod, v.targetLook())
}

func (v *view) hasLeftFor(pod *corev1.Pod, look string) bool {
	to := destination(pod)
	return to != "" && to != override.BuildOf(pod) && !v.isGoal(pod, to, look)
}

// mayMove reports whether the policy has pods updated in place.
func (v *view) mayMove() bool {
	inPlace := v.rollout().InPlace
	return inPlace != nil && inPlace.Mode != v1alpha1.InPlaceNever
}

// isTaken reports whether an event is the beginning of a pod's update: of its end, or of an
// update in place to another revision than it had, or was on its way to.
func isTaken(e apiserver.Event) bool {
	pod, ok := e.Object.(*corev1.Pod)
	if !ok || e.Old == nil || e.Type == deleted {
		return ok && removal(e)
	}
	return removal(e) || isBegun(e.Old.(*corev1.Pod), pod)
}

// isBegun reports whether an update in place has begun with a change of a pod.
func isBegun(old, pod *corev1.Pod) bool {
	goal := func(pod *corev1.Pod) string {
		if to := destination(pod); to != "" {
			return to
		}
		return override.BuildOf(pod)
	}
	return goal(old) != goal(pod)
}
