package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// State is how far a member's pod is, the worst first.
type State int

const (
	Missing     State = iota // no object of that name exists
	Foreign                  // the object of that name is not the set's
	Adopting                 // it is about to become the set's
	Terminating              // it is being deleted, or about to be
	Finished                 // it ran to an end, was evicted, or was refused by its node
	Stuck                    // it cannot start, and no container of it runs
	Starting                 // it is on its way to running
	Unready                  // it runs, and is not ready
	Ready                    // it is ready, and not yet for minReadySeconds
	Available
)

// stateOf classifies a pod that the set owns, and says so in words that follow
// the pod's name.
func stateOf(pod *corev1.Pod, minReady time.Duration, now time.Time) (State, string) {
	switch {
	case pod.DeletionTimestamp != nil:
		return Terminating, "is terminating"
	case hasEnded(pod):
		return Finished, finishedWords(pod)
	}
	switch ready, left := readiness(pod, minReady, now); {
	case ready && left == 0:
		return Available, "is available"
	case ready:
		return Ready, fmt.Sprintf("is ready, but not yet for %s", minReady)
	}
	if why := stuckWords(pod); why != "" {
		return Stuck, "cannot start: " + why
	}
	if pod.Status.Phase == corev1.PodRunning {
		return Unready, unreadyWords(pod)
	}
	return Starting, startingWords(pod)
}

// hasEnded reports whether a pod ran to an end, whatever that was.
func hasEnded(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
}

// readiness reports whether the pod runs and is ready, and for how much longer
// it must stay so to count as available.
func readiness(pod *corev1.Pod, minReady time.Duration, now time.Time) (ready bool, left time.Duration) {
	c := readyCondition(pod)
	if pod.Status.Phase != corev1.PodRunning || c == nil || c.Status != corev1.ConditionTrue {
		return false, 0
	}
	if minReady == 0 {
		return true, 0
	}
	if c.LastTransitionTime.IsZero() {
		return true, minReady
	}
	return true, max(c.LastTransitionTime.Add(minReady).Sub(now), 0)
}

func readyCondition(pod *corev1.Pod) *corev1.PodCondition {
	return podCondition(pod, corev1.PodReady)
}

func podCondition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

func finishedWords(pod *corev1.Pod) string {
	words := "failed"
	if pod.Status.Phase == corev1.PodSucceeded {
		words = "ran to completion"
	}
	return words + detail(pod.Status.Reason, pod.Status.Message)
}

// cannotStart holds the reasons for which a kubelet keeps a container waiting
// that will not go away without a change (kubernetes#67250).
var cannotStart = map[string]bool{
	"CrashLoopBackOff":           true,
	"ImagePullBackOff":           true,
	"ErrImagePull":               true,
	"ErrImageNeverPull":          true,
	"InvalidImageName":           true,
	"CreateContainerConfigError": true,
	"CreateContainerError":       true,
	"RunContainerError":          true,
	"PreStartHookError":          true,
	"PostStartHookError":         true,
}

// stuckWords says why a pod cannot start; empty if it may. A pod with a running
// container is never stuck: a database next to a broken sidecar still holds its
// data open and may count for a quorum.
func stuckWords(pod *corev1.Pod) string {
	if c := podCondition(pod, corev1.PodScheduled); c != nil &&
		c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
		return "no node takes it" + detail("", c.Message)
	}
	if slices.ContainsFunc(pod.Status.ContainerStatuses, runs) {
		return ""
	}
	for i, c := range pod.Status.InitContainerStatuses {
		// One that runs after it does its work: what is broken is a sidecar.
		if w := c.State.Waiting; w != nil && cannotStart[w.Reason] && !slices.ContainsFunc(pod.Status.InitContainerStatuses[i:], runs) {
			return fmt.Sprintf("init container %s is in %s", c.Name, w.Reason)
		}
	}
	for _, c := range pod.Status.ContainerStatuses {
		if w := c.State.Waiting; w != nil && cannotStart[w.Reason] {
			return fmt.Sprintf("container %s is in %s", c.Name, w.Reason)
		}
	}
	return ""
}

func runs(c corev1.ContainerStatus) bool { return c.State.Running != nil }

func unreadyWords(pod *corev1.Pod) string {
	for _, c := range pod.Status.ContainerStatuses {
		if w := c.State.Waiting; w != nil && cannotStart[w.Reason] {
			return fmt.Sprintf("is not ready: container %s is in %s while others run", c.Name, w.Reason)
		}
	}
	for _, c := range pod.Status.ContainerStatuses {
		if !c.Ready {
			return fmt.Sprintf("is running but not ready (container %s)", c.Name)
		}
	}
	return "is running but not ready"
}

func startingWords(pod *corev1.Pod) string {
	if pod.Status.Phase == corev1.PodUnknown {
		return "is in an unknown state: its node does not report"
	}
	if c := podCondition(pod, corev1.PodScheduled); c != nil && c.Status == corev1.ConditionFalse {
		return "is not scheduled yet" + detail(c.Reason, c.Message)
	}
	return "is starting"
}

// detail renders what the API says beside the fact, shortened to stay readable.
func detail(reason, message string) string {
	message = shorten(message)
	switch {
	case reason != "" && message != "":
		return fmt.Sprintf(" (%s: %s)", reason, message)
	case reason != "" || message != "":
		return fmt.Sprintf(" (%s%s)", reason, message)
	}
	return ""
}

// shorten keeps a message of others readable.
func shorten(message string) string {
	const longest = 160
	if len(message) > longest {
		return strings.ToValidUTF8(message[:longest], "") + "…"
	}
	return message
}
