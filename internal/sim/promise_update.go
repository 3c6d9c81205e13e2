package sim

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var updateWithinBudget = promise{
	sentence: "An update takes pods down from the highest ordinal to the partition, and none that is available beyond maxUnavailable.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		if _, ok := e.Object.(*corev1.Pod); !ok || by == nil || !removal(e) {
			return ""
		}
		pod := e.Old.(*corev1.Pod)
		return j.allowed(e, by, func(v *view) string {
			if !v.wanted(v.ordinal(pod)) || finished(pod) {
				return "" // see inOrder
			}
			return v.mayUpdate(pod)
		})
	},
}

// mayUpdate says why a wanted pod may not be taken down.
func (v *view) mayUpdate(pod *corev1.Pod) string {
	ordinal := v.ordinal(pod)
	switch strategy := v.set.Spec.UpdateStrategy.Type; {
	case !v.outdated(pod):
		return fmt.Sprintf("%s was taken down, and it is what the set wants", pod.Name)
	case strategy == appsv1.RecreateStatefulSetStrategyType:
		return ""
	case strategy == appsv1.OnDeleteStatefulSetStrategyType:
		return fmt.Sprintf("%s was taken down, and the strategy is OnDelete", pod.Name)
	case v.belowPartition(ordinal):
		return fmt.Sprintf("%s was taken down, and it is below the partition", pod.Name)
	case !runs(pod):
		return "" // see healIsCareful
	case !v.available(pod) && !v.ordered():
		return "" // it costs nothing
	}
	return v.withinBudget(pod, ordinal)
}

func (v *view) withinBudget(pod *corev1.Pod, ordinal int) string {
	down, wanted := 1, identity.OrdinalsOf(v.set)
	for i := range wanted.Count {
		other := v.member(wanted.Start + i)
		if wanted.Start+i == ordinal {
			continue
		}
		if !v.available(other) {
			down++
		}
		if other != nil && wanted.Start+i > ordinal && other.DeletionTimestamp == nil && v.outdated(other) && (v.ordered() || v.available(other)) {
			return fmt.Sprintf("%s was taken down before %s", pod.Name, other.Name)
		}
	}
	if down > v.maxUnavailable() {
		return fmt.Sprintf("%s was taken down, which makes %d unavailable pods, and %d may be", pod.Name, down, v.maxUnavailable())
	}
	return ""
}
