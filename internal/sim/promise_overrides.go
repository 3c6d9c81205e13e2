package sim

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var overridesRollTheirOwn = promise{
	sentence: "The change of an override takes down pods of the ordinals that it names, and no others, and none that the API server would not take back; a pod has the overrides of its ordinal, or none that are refused.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		pod, ok := e.Object.(*corev1.Pod)
		if !ok || by == nil || !j.ruled {
			return ""
		}
		if e.Type == added {
			return j.allowed(e, by, func(v *view) string { return v.isMadeWell(pod) })
		}
		return j.rolledOut(e, by, func(v *view, pod *corev1.Pod) string {
			switch {
			case v.isMoving(pod) || v.mountsOther(pod) || v.growsByRestart(pod):
				return ""
			case v.isBehind(pod) && !v.isHeldBack(pod) && !v.isKept(pod):
				return ""
			case !v.strays(pod):
				return fmt.Sprintf("%s was taken down, and no override of it has changed", pod.Name)
			case v.isKept(pod):
				return fmt.Sprintf("%s was taken down, and the API server does not take pods with its overrides", pod.Name)
			}
			return ""
		})
	},
}

// isMadeWell says what is wrong with the overrides with which a pod was created.
func (v *view) isMadeWell(pod *corev1.Pod) string {
	has, wants := tiersIn(pod.Labels), v.tiersFor(v.ordinal(pod))
	mayLack := has == "" && (v.isRefused(v.ordinal(pod)) || v.mayBeRefused(v.ordinal(pod)))
	if has != wants && !mayLack {
		return fmt.Sprintf("%s was created with the overrides %q, and its ordinal has %q", pod.Name, has, wants)
	}
	return ""
}
