package sim

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var heldStands = promise{
	sentence: "A roll-out that has failed and does not go back takes no pod down.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		return j.rolledOut(e, by, func(v *view, pod *corev1.Pod) string {
			if v.failed() && !v.reverts() {
				return fmt.Sprintf("%s was taken down, and the roll-out of %s has failed", pod.Name, v.update().Name)
			}
			return ""
		})
	},
}
