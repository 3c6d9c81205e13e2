package sim

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// stateReverted is the state of a policy whose set has gone back.
const stateReverted = "Reverted"

var revertedIsBack = promise{
	sentence: "A set whose roll-out has failed and goes back has no pod of the failed revision when it is at rest, nor when its policy says that it is back.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		policy, ok := e.Object.(*v1alpha1.StatefulSetPolicy)
		if !ok || by == nil || e.Type == deleted || policy.Status.State != stateReverted {
			return ""
		}
		return j.toldTruly(e, by, func(v *view) string {
			if !v.reverts() {
				return fmt.Sprintf("policy %s says that %s is back, which has not failed", policy.Name, v.set.Name)
			}
			return v.notBack()
		})
	},
	rest: func(j *judge) string {
		for _, object := range j.w.api.List(sets, namespace) {
			if v := j.viewNow(object.(*appsv1.StatefulSet)); v.reverts() && !v.rollout().Paused {
				if words := v.notBack(); words != "" {
					return words
				}
			}
		}
		return ""
	},
}

// notBack says which pod is still at a revision that has failed.
func (v *view) notBack() string {
	wanted := v.ordinals()
	for ordinal := range wanted.All() {
		if pod := v.member(ordinal); pod != nil && !v.belowPartition(ordinal) && identity.Revision(pod) == v.update().Name {
			return fmt.Sprintf("%s is at revision %s, which has failed", pod.Name, v.update().Name)
		}
	}
	return ""
}
