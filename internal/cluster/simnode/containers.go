package simnode

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// The kubelet's back-off between restarts of a container.
const (
	firstBackOff = 10 * time.Second
	maxBackOff   = 5 * time.Minute
)

// containers collects the statuses of one pod's containers.
type containers struct {
	pod     *corev1.Pod
	now     time.Time
	started time.Time
	init    []corev1.ContainerStatus
	main    []corev1.ContainerStatus
}

// create reports a pod whose sandbox and volumes are being set up.
func (c *containers) create() {
	reason := "ContainerCreating"
	if len(c.pod.Spec.InitContainers) > 0 {
		reason = "PodInitializing"
	}
	c.each(waiting(reason, ""), waiting(reason, ""))
}

// wait reports main containers that cannot start, for reason.
func (c *containers) wait(reason, message string) {
	c.each(c.initialize, waiting(reason, message))
}

// run reports containers that run.
func (c *containers) run(ready bool) {
	c.each(c.initialize, func(spec corev1.Container, old corev1.ContainerStatus) corev1.ContainerStatus {
		return c.running(spec, old, ready)
	})
}

// exit reports containers that have ended, sidecars included.
func (c *containers) exit(code int32, reason string) {
	main := func(_ corev1.Container, old corev1.ContainerStatus) corev1.ContainerStatus {
		old.Ready, old.Started = false, ptr.To(false)
		old.State = corev1.ContainerState{Terminated: c.terminated(code, reason)}
		return old
	}
	c.each(func(spec corev1.Container, old corev1.ContainerStatus) corev1.ContainerStatus {
		if sidecar(spec) {
			return main(spec, old)
		}
		return c.initialize(spec, old)
	}, main)
}

// crash reports containers in CrashLoopBackOff and returns the time to their
// next restart. How often and when they crashed last is in their own status.
func (c *containers) crash() time.Duration {
	var next time.Duration
	c.each(c.initialize, func(_ corev1.Container, old corev1.ContainerStatus) corev1.ContainerStatus {
		last := old.LastTerminationState.Terminated
		if old.State.Running != nil || last == nil || c.now.Sub(last.FinishedAt.Time) >= backOff(old.RestartCount) {
			old.RestartCount++
			last = c.terminated(1, "Error")
		}
		wait := backOff(old.RestartCount)
		next = wait - c.now.Sub(last.FinishedAt.Time)
		old.Ready, old.Started = false, ptr.To(false)
		old.LastTerminationState = corev1.ContainerState{Terminated: last}
		old.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
			Reason:  "CrashLoopBackOff",
			Message: fmt.Sprintf("back-off %s restarting failed container: simulated", wait),
		}}
		return old
	})
	return next
}

// backOff is the wait before the restart after the n-th.
func backOff(n int32) time.Duration {
	d := firstBackOff
	for ; n > 1 && d < maxBackOff; n-- {
		d *= 2
	}
	return min(d, maxBackOff)
}

// initialize reports an init container of a pod that has come past them:
// completed, or running when it is a sidecar.
func (c *containers) initialize(spec corev1.Container, old corev1.ContainerStatus) corev1.ContainerStatus {
	if sidecar(spec) {
		return c.running(spec, old, true)
	}
	if old.State.Terminated == nil {
		old.State = corev1.ContainerState{Terminated: c.terminated(0, "Completed")}
	}
	old.Ready, old.Started = true, ptr.To(false)
	return old
}

// running reports a container that runs, or has just started.
func (c *containers) running(spec corev1.Container, old corev1.ContainerStatus, ready bool) corev1.ContainerStatus {
	if old.State.Running != nil && old.Image != spec.Image {
		return c.stopped(old)
	}
	if old.State.Running == nil {
		if old.State.Waiting != nil && old.LastTerminationState.Terminated != nil {
			old.RestartCount++ // it comes out of a crash loop, or has another image
		}
		if old.AllocatedResources == nil {
			old.AllocatedResources, old.Resources = spec.Resources.DeepCopy().Requests, resourcesOf(spec)
		}
		old.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: *timestamp(c.started)}}
	}
	old.Ready, old.Started = ready, ptr.To(true)
	old.ImageID = old.Image
	old.ContainerID = fmt.Sprintf("simulated://%s/%s/%d", c.pod.UID, old.Name, old.RestartCount)
	return old
}

// stopped reports a container that makes way for one with another image. With the next report
// that one runs.
func (c *containers) stopped(old corev1.ContainerStatus) corev1.ContainerStatus {
	old.Ready, old.Started = false, ptr.To(false)
	old.LastTerminationState = corev1.ContainerState{Terminated: c.terminated(0, "Completed")}
	old.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}
	return old
}

func (c *containers) terminated(code int32, reason string) *corev1.ContainerStateTerminated {
	return &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: reason,
		StartedAt: *timestamp(c.started), FinishedAt: *timestamp(c.now),
	}
}

// transition is what happens to one container, given its present status.
type transition func(spec corev1.Container, old corev1.ContainerStatus) corev1.ContainerStatus

func waiting(reason, message string) transition {
	return func(_ corev1.Container, old corev1.ContainerStatus) corev1.ContainerStatus {
		old.Ready, old.Started = false, ptr.To(false)
		old.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
		return old
	}
}

// each applies one transition to every init container and one to the rest.
func (c *containers) each(init, main transition) {
	c.init = advance(c.pod.Spec.InitContainers, c.pod.Status.InitContainerStatuses, init)
	c.main = advance(c.pod.Spec.Containers, c.pod.Status.ContainerStatuses, main)
}

func advance(specs []corev1.Container, old []corev1.ContainerStatus, next transition) []corev1.ContainerStatus {
	var statuses []corev1.ContainerStatus
	for _, spec := range specs {
		status := corev1.ContainerStatus{Name: spec.Name}
		for _, o := range old {
			if o.Name == spec.Name {
				status = *o.DeepCopy()
			}
		}
		if status.State.Running == nil { // one that runs has the image that it started with
			status.Image = spec.Image
		}
		statuses = append(statuses, next(spec, status))
	}
	return statuses
}

// sidecar tells a restartable init container, which runs beside the others.
func sidecar(spec corev1.Container) bool {
	return ptr.Deref(spec.RestartPolicy, "") == corev1.ContainerRestartPolicyAlways
}
