package queue

import (
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/kinds"
)

// Significance is what a change means to the plans of a set.
type Significance int

const (
	// Irrelevant: every plan stays as it was.
	Irrelevant Significance = iota
	// StatusOnly: the status counts it, and nothing else follows from it.
	StatusOnly
	// Actionable: something else may have to be done now.
	Actionable
)

// SignificanceOf tells what a change of a cached object means; was is nil for one that is new.
// Both are stripped, and of one decoder, so that what is equal is so exactly.
//
// Half of what happens to a set that moves is what its plan asked for, or could not
// but follow, and planning again at once would find nothing more to do:
//   - A revision that its set owns, and a pod that it owns and that has not started,
//     were created by the controller, and the plan that did so counted on them.
//   - Of a pod in deletion only its end lets anything go on, whatever becomes of it
//     before and whoever deleted it.
//   - A pod that got a node is to all plans what it was.
func SignificanceOf(was, is client.Object) Significance {
	if was == nil {
		if isJustCreated(is) {
			return StatusOnly
		}
		return Actionable
	}
	before, wasPod := was.(*corev1.Pod)
	after, isPod := is.(*corev1.Pod)
	switch {
	case !wasPod || !isPod:
		return Actionable
	case before.ResourceVersion == after.ResourceVersion: // shown again, as after a restart
		return Actionable
	case !differs(before, after):
		return Irrelevant
	case after.DeletionTimestamp != nil && before.UID == after.UID && kinds.OwningSet(before) == kinds.OwningSet(after):
		return StatusOnly
	}
	return Actionable
}

// isJustCreated reports whether an object is as a set's controller creates it.
func isJustCreated(object client.Object) bool {
	if kinds.OwningSet(object) == "" {
		return false
	}
	switch o := object.(type) {
	case *corev1.Pod:
		return o.Status.Phase == corev1.PodPending && len(o.Status.Conditions) == 0
	case *appsv1.ControllerRevision:
		return true
	}
	return false
}

// differs reports whether anything that a plan reads has changed.
func differs(before, after *corev1.Pod) bool {
	seen := before.ObjectMeta
	seen.ResourceVersion, seen.Generation = after.ResourceVersion, after.Generation
	return !reflect.DeepEqual(&before.Status, &after.Status) || // most often
		!reflect.DeepEqual(&seen, &after.ObjectMeta) ||
		!reflect.DeepEqual(before.Spec.Volumes, after.Spec.Volumes)
}
