package sim

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var updateWithinBudget = promise{
	sentence: "An update takes pods down from the highest ordinal to the partition, or by their roles, and none that is available beyond maxUnavailable.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		if _, ok := e.Object.(*corev1.Pod); !ok || by == nil || !isTaken(e) {
			return ""
		}
		pod := e.Old.(*corev1.Pod)
		return j.allowed(e, by, func(v *view) string {
			if v.goesForGood(pod) || finished(pod) {
				return "" // see inOrder, and othersSeeOff
			}
			if j.mayStartAnew(e, v, pod, by) == "" {
				return "" // it is no update
			}
			return v.mayUpdate(pod)
		})
	},
}

// mayUpdate says why a wanted pod may not be taken down.
func (v *view) mayUpdate(pod *corev1.Pod) string {
	ordinal := v.ordinal(pod)
	switch strategy := v.set.Spec.UpdateStrategy.Type; {
	case v.isMoving(pod):
		return "" // it goes on with what has begun
	case !v.outdated(pod) && v.hasOverrides():
		return "" // see overridesRollTheirOwn
	case !v.outdated(pod) && !v.growsByRestart(pod):
		return fmt.Sprintf("%s was taken down, and it is what the set wants", pod.Name)
	case strategy == appsv1.RecreateStatefulSetStrategyType:
		return ""
	case strategy == appsv1.OnDeleteStatefulSetStrategyType:
		return fmt.Sprintf("%s was taken down, and the strategy is OnDelete", pod.Name)
	case v.isHeldBack(pod):
		return fmt.Sprintf("%s was taken down, and it is below the partition", pod.Name)
	case !runs(pod):
		return "" // see healIsCareful
	case !v.available(pod) && !v.ordered() || !isReady(pod) && (v.servingCounts() || v.strays(pod)):
		return "" // it costs nothing
	}
	return v.withinBudget(pod, ordinal)
}

// goesBefore reports whether it is one outdated pod's turn before another's.
func (v *view) goesBefore(one, other *corev1.Pod) bool {
	if a, b := v.turn(one), v.turn(other); a != b {
		return a < b && !v.isHeldBack(one)
	}
	return v.ordinal(one) > v.ordinal(other)
}

func (v *view) withinBudget(pod *corev1.Pod, ordinal int) string {
	down := 1
	for o := range v.ordinals().All() {
		if o == ordinal {
			continue
		}
		other := v.member(o)
		if !v.available(other) {
			down++
		}
		if other != nil && other.DeletionTimestamp == nil && v.isDue(other) && (v.ordered() || v.available(other)) && !v.isMoving(other) && v.goesBefore(other, pod) && !v.canaryHolds(other, pod) {
			return fmt.Sprintf("%s was taken down before %s", pod.Name, other.Name)
		}
	}
	if down > v.maxUnavailable() {
		return fmt.Sprintf("%s was taken down, which makes %d unavailable pods, and %d may be", pod.Name, down, v.maxUnavailable())
	}
	return ""
}
