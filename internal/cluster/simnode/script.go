package simnode

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Annotations; their meaning is documented in the package comment.
const (
	// SimulatedAnnotation marks a node as simulated.
	SimulatedAnnotation = "ordinal.dev/simulated"

	StateAnnotation          = "ordinal.dev/sim-state"
	ReadyAfterAnnotation     = "ordinal.dev/sim-ready-after"
	TerminateAfterAnnotation = "ordinal.dev/sim-terminate-after"
)

// Values of StateAnnotation.
const (
	StateReady            = "ready"
	StateNotReady         = "not-ready"
	StateSucceeded        = "succeeded"
	StateFailed           = "failed"
	StateEvicted          = "evicted"
	StateCrashLoop        = "crash-loop"
	StateImagePullBackOff = "image-pull-backoff"
	StateCreating         = "creating"
)

// TerminateNever is the value of TerminateAfterAnnotation for a pod that
// stays although it was deleted.
const TerminateNever = "never"

var states = []string{
	StateReady, StateNotReady, StateSucceeded, StateFailed,
	StateEvicted, StateCrashLoop, StateImagePullBackOff, StateCreating,
}

// script is how a pod was asked to behave.
type script struct {
	state          string
	readyAfter     time.Duration
	terminateAfter time.Duration
	terminateNever bool
}

// scriptOf reads the annotations. The error is a sentence for the pod's owner.
func scriptOf(pod *corev1.Pod) (script, error) {
	s := script{state: StateReady}
	if v, ok := pod.Annotations[StateAnnotation]; ok {
		if !slices.Contains(states, v) {
			return s, fmt.Errorf("annotation %s is %q; use one of %s", StateAnnotation, v, strings.Join(states, ", "))
		}
		s.state = v
	}
	if s.state == StateCrashLoop && pod.Spec.RestartPolicy == corev1.RestartPolicyNever {
		s.state = StateFailed
	}
	var err error
	if s.readyAfter, err = delay(pod, ReadyAfterAnnotation); err != nil {
		return s, err
	}
	if pod.Annotations[TerminateAfterAnnotation] == TerminateNever {
		s.terminateNever = true
		return s, nil
	}
	s.terminateAfter, err = delay(pod, TerminateAfterAnnotation)
	return s, err
}

func delay(pod *corev1.Pod, annotation string) (time.Duration, error) {
	v, ok := pod.Annotations[annotation]
	if !ok {
		return 0, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("annotation %s is %q; use a duration such as 5s", annotation, v)
	}
	return d, nil
}
