package sim

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var statusIsTrue = promise{
	sentence: "A set's status says what is so, and never speaks of a specification that it does not know.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		set, ok := e.Object.(*appsv1.StatefulSet)
		if !ok || by == nil || e.Type == deleted || !slices.Equal(set.Finalizers, e.Old.GetFinalizers()) {
			return ""
		}
		if seen, is := set.Status.ObservedGeneration, e.Old.GetGeneration(); seen > is {
			return fmt.Sprintf("the status of %s tells of generation %d, and there is only %d", set.Name, seen, is)
		}
		// It tells of what was so before the plan was carried out.
		return j.toldTruly(e, by, func(v *view) string {
			if v.set.Generation != set.Status.ObservedGeneration {
				return fmt.Sprintf("the status of %s tells of generation %d, and the set is at %d", set.Name, set.Status.ObservedGeneration, v.set.Generation)
			}
			return v.misstated(&set.Status)
		})
	},
}

// misstated says which of a status's figures is not so.
func (v *view) misstated(s *appsv1.StatefulSetStatus) string {
	var replicas, ready, available, updated, current int32
	for _, pod := range v.pods {
		if !v.owns(pod) || v.ordinal(pod) < 0 {
			continue
		}
		replicas++
		if isReady(pod) {
			ready++
		}
		if v.countsAvailable(pod) {
			available++
		}
		if pod.DeletionTimestamp != nil || v.isMoving(pod) || v.hasLeft(pod) || v.isBeside(pod) {
			continue
		}
		isUpdated := identity.Revision(pod) == s.UpdateRevision
		if isUpdated && (v.mountsOther(pod) || v.strays(pod)) {
			continue // it is to be replaced as one of another revision is
		}
		if isUpdated {
			updated++
		}
		if identity.Revision(pod) == s.CurrentRevision {
			current++
		}
	}
	for _, f := range []struct {
		name      string
		says, has int32
	}{
		{"replicas", s.Replicas, replicas}, {"readyReplicas", s.ReadyReplicas, ready},
		{"availableReplicas", s.AvailableReplicas, available}, {"updatedReplicas", s.UpdatedReplicas, updated},
		{"currentReplicas", s.CurrentReplicas, current},
	} {
		if f.says != f.has {
			return fmt.Sprintf("the status of %s says %s %d, and it is %d", v.set.Name, f.name, f.says, f.has)
		}
	}
	return ""
}
