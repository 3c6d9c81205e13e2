package sim

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var pausedStands = promise{
	sentence: "While a policy has the roll-outs of a set paused, no pod is taken down for one.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		return j.rolledOut(e, by, func(v *view, pod *corev1.Pod) string {
			if v.rollout().Paused {
				return fmt.Sprintf("%s was taken down while the roll-out is paused", pod.Name)
			}
			return ""
		})
	},
}

// rolledOut checks what a controller does to a pod for a roll-out: it takes a wanted one down
// that has not ended, or begins to update it in place.
func (j *judge) rolledOut(e apiserver.Event, by *instance, check func(v *view, pod *corev1.Pod) string) string {
	if _, ok := e.Object.(*corev1.Pod); !ok || by == nil || !j.ruled || !isTaken(e) {
		return ""
	}
	pod := e.Old.(*corev1.Pod)
	return j.allowed(e, by, func(v *view) string {
		if v.goesForGood(pod) || finished(pod) || j.mayStartAnew(e, v, pod, by) == "" {
			return ""
		}
		return check(v, pod)
	})
}
