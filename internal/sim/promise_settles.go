package sim

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"

	"ordinal.dev/ordinal/internal/identity"
)

var itSettles = promise{
	sentence: "When the faults stop, a set gets to be what its user wants, and then nothing is written any more.",
	rest: func(j *judge) string {
		for _, object := range j.w.api.List(sets, namespace) {
			if words := j.unsettled(object.(*appsv1.StatefulSet)); words != "" {
				return words
			}
		}
		return j.restless()
	},
}

// unsettled says what is missing of what a set's user wants.
func (j *judge) unsettled(set *appsv1.StatefulSet) string {
	v := j.viewNow(set)
	if set.DeletionTimestamp != nil {
		return fmt.Sprintf("%s was deleted and is still there", set.Name)
	}
	for ordinal := range v.ordinals().All() {
		pod := v.member(ordinal)
		switch {
		case pod == nil:
			return fmt.Sprintf("%s has no pod of ordinal %d", set.Name, ordinal)
		case v.reverts() && identity.Revision(pod) == v.update().Name && !v.belowPartition(ordinal):
			return "" // see revertedIsBack
		case !v.available(pod):
			return fmt.Sprintf("%s is not available: %s", pod.Name, stateOf(pod))
		case v.outdated(pod) && set.Spec.UpdateStrategy.Type != appsv1.OnDeleteStatefulSetStrategyType && !v.isHeldBack(pod) && !v.awaitsUser():
			return fmt.Sprintf("%s was never updated: %s", pod.Name, stateOf(pod))
		}
	}
	for _, name := range sortedKeys(v.pods) {
		if pod := v.pods[name]; v.owns(pod) && !v.wanted(v.ordinal(pod)) && !v.reserves(v.ordinal(pod)) { // see reservedIsFree
			return fmt.Sprintf("%s is still there, and is not wanted", name)
		}
	}
	if set.Status.ObservedGeneration != set.Generation {
		return fmt.Sprintf("the status of %s is of generation %d, and the set is at %d", set.Name, set.Status.ObservedGeneration, set.Generation)
	}
	return v.misstated(&set.Status)
}

// awaitsUser reports whether a roll-out stands still until somebody says that it goes on.
func (v *view) awaitsUser() bool {
	canary := v.rollout().Canary
	if v.stands() != "" {
		return true
	}
	return canary != nil && canary.HoldSeconds == nil && !v.reverts() && !v.approved() && v.updated() >= int(canary.Pods)
}

// updated is how many wanted pods are at the revision that they are brought to.
func (v *view) updated() (n int) {
	for _, pod := range v.pods {
		if v.owns(pod) && v.wanted(v.ordinal(pod)) && !v.isBehind(pod) {
			n++
		}
	}
	return n
}

// restless has the controller look at every set once more, and says what it
// writes.
func (j *judge) restless() string {
	leader := j.w.leader()
	for _, object := range j.w.api.List(sets, namespace) {
		before := j.w.counts.Writes
		leader.reconcile(keyOf(object.GetName()))
		if wrote := j.w.counts.Writes - before; wrote > 0 {
			return fmt.Sprintf("%s is at rest, and the controller wrote %d times", object.GetName(), wrote)
		}
	}
	return ""
}
