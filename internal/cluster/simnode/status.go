package simnode

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// observation is what a kubelet knows about a pod beside the pod itself.
type observation struct {
	now     time.Time
	started time.Time // when the containers started; zero while they cannot
	hostIP  string
	podIP   string // empty while the pod has no sandbox
	// blocked says why the containers cannot be created at all, such as an
	// annotation that makes no sense. Empty when they can.
	blocked string
	// What the node can give to pods, and what all other pods have of it: for resizes.
	allocatable corev1.ResourceList
	others      func() corev1.ResourceList
}

// report returns the status a kubelet would report for pod, and after how
// long the answer may change by itself (zero: only when something else does).
// It keeps what the present status says about things that did not change.
func report(pod *corev1.Pod, s script, o observation) (corev1.PodStatus, time.Duration) {
	if ended(pod.Status.Phase) {
		return pod.Status, 0
	}
	status := *pod.Status.DeepCopy()
	status.ObservedGeneration = pod.Generation
	status.HostIP = o.hostIP
	status.HostIPs = []corev1.HostIP{{IP: o.hostIP}}
	if status.StartTime == nil {
		status.StartTime = timestamp(o.now)
	}
	if o.podIP != "" {
		status.PodIP = o.podIP
		status.PodIPs = []corev1.PodIP{{IP: o.podIP}}
	}

	c := containers{pod: pod, now: o.now, started: o.started}
	var again time.Duration
	switch {
	case o.blocked != "":
		status.Phase = corev1.PodPending
		c.wait("CreateContainerConfigError", o.blocked)
	case o.podIP == "":
		status.Phase = corev1.PodPending
		c.create()
	default:
		status.Phase, again = c.play(s)
	}
	if s.state == StateEvicted && status.Phase == corev1.PodFailed {
		status.Reason = "Evicted"
		status.Message = "The node was low on resource: simulated."
	}
	status.InitContainerStatuses = c.init
	status.ContainerStatuses = c.main
	setConditions(pod, &status, o.now)
	if later := resize(pod, &status, o); later > 0 && (again == 0 || later < again) {
		again = later
	}
	return status, again
}

// play lets the containers do what the script says.
func (c *containers) play(s script) (corev1.PodPhase, time.Duration) {
	switch s.state {
	case StateSucceeded:
		c.exit(0, "Completed")
		return corev1.PodSucceeded, 0
	case StateFailed:
		c.exit(1, "Error")
		return corev1.PodFailed, 0
	case StateEvicted:
		c.exit(137, "Error")
		return corev1.PodFailed, 0
	case StateCrashLoop:
		return corev1.PodRunning, c.crash()
	case StateImagePullBackOff:
		c.wait("ImagePullBackOff", "Back-off pulling image: simulated")
		return corev1.PodPending, 0
	case StateCreating:
		c.create()
		return corev1.PodPending, 0
	case StateNotReady:
		c.run(false)
		return corev1.PodRunning, 0
	default:
		unready := s.readyAfter - c.now.Sub(c.started)
		c.run(unready <= 0)
		return corev1.PodRunning, max(unready, 0)
	}
}

// timestamp is t as the API stores it, in whole seconds, so that a status
// just computed equals the same status read back.
func timestamp(t time.Time) *metav1.Time {
	at := metav1.NewTime(t).Rfc3339Copy()
	return &at
}
