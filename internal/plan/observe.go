package plan

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Observe says how far a pod is that its set owns, and the same in words that follow the
// pod's name.
func Observe(pod *corev1.Pod, minReady time.Duration, now time.Time) (State, string) {
	return stateOf(pod, minReady, now)
}
