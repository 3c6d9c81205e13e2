package sim

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var canaryIsFirst = promise{
	sentence: "Until its time has passed or it is approved of, no more pods that serve are updated than a canary is of.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		return j.rolledOut(e, by, func(v *view, pod *corev1.Pod) string { return v.mayPassCanary(pod) })
	},
}

// canaryHolds reports whether a pod that would go before another has to wait for the canary,
// of which the other is none: it is of the update already, and is made anew for its claims.
func (v *view) canaryHolds(before, pod *corev1.Pod) bool {
	canary := v.rollout().Canary
	return canary != nil && v.isBehind(before) && !v.isBehind(pod) && !v.reverts() && !v.canaryIsOver(canary)
}

// mayPassCanary says why a pod may not be updated before the canary is over. One whose update
// in place had begun may be recreated, if that cannot be gone on with.
func (v *view) mayPassCanary(pod *corev1.Pod) string {
	canary := v.rollout().Canary
	if canary == nil || v.reverts() || !isReady(pod) || v.isMoving(pod) || !v.isBehind(pod) || v.canaryIsOver(canary) {
		return ""
	}
	taken, wanted := 1, v.ordinals()
	for ordinal := range wanted.All() {
		other := v.member(ordinal)
		switch {
		case ordinal == v.ordinal(pod) || v.belowPartition(ordinal):
		case other == nil || !v.isBehind(other) || other.DeletionTimestamp != nil && isReady(other): // others that go serve nobody
			taken++
		}
	}
	if taken > int(canary.Pods) {
		return fmt.Sprintf("%s was taken down as the pod number %d to be updated, and the canary is of %d", pod.Name, taken, canary.Pods)
	}
	return ""
}
