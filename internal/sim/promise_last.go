package sim

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var lastGoesLast = promise{
	sentence: "A pod of a role that goes last is taken down for a roll-out only when all before it are updated and every pod is available.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		if _, ok := e.Object.(*corev1.Pod); !ok || by == nil || !j.ruled || !isTaken(e) {
			return ""
		}
		pod := e.Old.(*corev1.Pod)
		// Several of one role may go together: it was so before the plan took the first.
		return j.toldTruly(e, by, func(v *view) string {
			if v.goesForGood(pod) || finished(pod) || v.turn(pod) == 0 {
				return ""
			}
			return v.mayGoLast(pod)
		})
	},
}

// mayGoLast says why it is not the turn of a pod yet whose role is among the last.
func (v *view) mayGoLast(pod *corev1.Pod) string {
	wanted := v.ordinals()
	for ordinal := range wanted.All() {
		other := v.member(ordinal)
		switch {
		case ordinal == v.ordinal(pod) && v.isMoving(pod): // it was taken when all were available
		case !v.available(other):
			return fmt.Sprintf("%s (%s) was taken down while ordinal %d was not available", pod.Name, pod.Labels[roleLabel], ordinal)
		case other.Name != pod.Name && v.isDue(other) && v.turn(other) < v.turn(pod):
			return fmt.Sprintf("%s (%s) was taken down before %s (%s)", pod.Name, pod.Labels[roleLabel], other.Name, other.Labels[roleLabel])
		}
	}
	return ""
}
