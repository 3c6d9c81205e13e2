package sim

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
)

// container is the one of a pod that runs. The zero value is none.
type container struct {
	uid      types.UID // of the pod
	id       string    // another one each time that it is started
	image    string    // that it runs
	cpu      string    // that its node has given to it; empty for none in particular
	seen     int64     // the generation of its pod that its node knows
	stopping bool      // with its pod
	leaving  bool      // to make room for one of another image
	growing  bool      // or shrinking: its node is about to give it other cpu
}

// newContainer is one that is started for a pod now. What a pod was given once its node
// keeps for it, until it gives it something else.
func (n *node) newContainer(pod *corev1.Pod) container {
	if _, has := n.granted[pod.UID]; !has {
		n.granted[pod.UID] = cpuOf(&pod.Spec)
	}
	n.started++
	return container{
		uid: pod.UID, id: fmt.Sprintf("containerd://%s-%d", n.name, n.started), image: imageOf(&pod.Spec), cpu: n.granted[pod.UID], seen: pod.Generation,
	}
}

// seen is the generation that a node knows of a pod.
func (n *node) seen(pod *corev1.Pod) int64 {
	if c := n.containers[pod.Name]; c.uid == pod.UID {
		return c.seen
	}
	return pod.Generation
}

// cpuOf is what a pod's container asks for; empty for nothing.
func cpuOf(spec *corev1.PodSpec) string {
	if amount, asks := spec.Containers[0].Resources.Requests[corev1.ResourceCPU]; asks {
		return amount.String()
	}
	return ""
}

func requests(cpu string) *corev1.ResourceRequirements {
	if cpu == "" {
		return nil
	}
	return &corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}}
}

// containerStatus is the status of a pod's container that is in a state now. One that
// ran before and waits has ended, and so has one that crashes as soon as it is started.
func containerStatus(pod *corev1.Pod, c container, ready bool, state corev1.ContainerState) corev1.ContainerStatus {
	status := corev1.ContainerStatus{Name: "app"}
	if len(pod.Status.ContainerStatuses) > 0 {
		status = pod.Status.ContainerStatuses[0]
	}
	was := status.State.Running
	switch {
	case state.Running != nil && was != nil && status.ContainerID == c.id:
		state.Running = was
	case state.Waiting != nil && state.Waiting.Reason == "CrashLoopBackOff":
		status.RestartCount++
		status.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error"}
		if was != nil {
			status.LastTerminationState.Terminated.StartedAt = was.StartedAt
		}
	}
	status.Image = imageOf(&pod.Spec)
	if c.uid == pod.UID {
		if status.ContainerID != "" && status.ContainerID != c.id {
			status.RestartCount++
		}
		status.Image, status.ContainerID, status.Resources = c.image, c.id, requests(c.cpu)
	}
	status.Ready, status.State = ready, state
	return status
}

// triedLast is the image that a pod's container ran, or was to run, by the pod's status.
func triedLast(pod *corev1.Pod) string {
	if len(pod.Status.ContainerStatuses) == 0 {
		return imageOf(&pod.Spec)
	}
	return pod.Status.ContainerStatuses[0].Image
}

func restarts(pod *corev1.Pod) int32 {
	if pod == nil || len(pod.Status.ContainerStatuses) == 0 {
		return 0
	}
	return pod.Status.ContainerStatuses[0].RestartCount
}
