package sim

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// After unreachableAfter without news of a node its pods count as not ready, and
	// after evictedAfter they are deleted, which takes until the node is back.
	unreachableAfter = 40 * time.Second
	evictedAfter     = 5 * time.Minute
)

// cutOff separates a node from the API server. What runs there goes on.
func (n *node) cutOff() {
	if !n.connected {
		return
	}
	n.connected = false
	n.w.after(unreachableAfter, "node controller", func() {
		if n.works() {
			return
		}
		n.eachPod(func(pod *corev1.Pod) {
			updated := pod.DeepCopy()
			n.w.setReady(updated, false)
			n.w.must(n.w.api.UpdateStatus(updated))
		})
	})
	n.w.after(evictedAfter, "node controller", func() {
		if !n.works() {
			n.eachPod(func(pod *corev1.Pod) {
				n.w.must(n.w.api.Delete(pods, client.ObjectKeyFromObject(pod), &client.DeleteOptions{}))
			})
		}
	})
}

// powerOff ends all that runs on a node.
func (n *node) powerOff() {
	n.cutOff()
	n.powered = false
	lost := sortedKeys(n.containers)
	clear(n.containers)
	for _, name := range lost {
		n.w.countQuorum(name)
	}
}

// outOfService is what a user says of a node that is off, by its taint: its pods
// need not be waited for.
func (n *node) outOfService() {
	if n.powered {
		return
	}
	n.eachPod(func(pod *corev1.Pod) {
		n.w.must(n.w.api.Delete(pods, client.ObjectKeyFromObject(pod), &client.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}))
	})
}

// comeBack connects a node again, or starts it anew.
func (n *node) comeBack() {
	if n.works() {
		return
	}
	n.powered, n.connected = true, true
	for _, name := range sortedKeys(n.containers) {
		n.sync(name)
	}
	n.eachPod(func(pod *corev1.Pod) {
		switch running := n.containers[pod.Name]; {
		case pod.DeletionTimestamp != nil || pod.Status.Phase != corev1.PodRunning:
			n.sync(pod.Name)
		case running.uid == pod.UID:
			n.becomeReady(pod.Name, pod.UID, does(running.image))
		case behaviour(&pod.Spec) == fragile:
			n.crash(pod.Name, pod.UID)
		case behaviour(&pod.Spec) != crash && neverRuns[behaviour(&pod.Spec)] == "":
			n.containers[pod.Name] = n.newContainer(pod) // started again after a reboot
			n.report(pod.Name, pod.UID, corev1.PodRunning, false, n.w.running())
			n.becomeReady(pod.Name, pod.UID, behaviour(&pod.Spec))
		}
	})
	n.w.scheduleAll()
}

// restart ends a pod's container and starts it again, as after a crash.
func (n *node) restart(name string) {
	pod, c := n.pod(name), n.containers[name]
	if !n.works() || pod == nil || c.uid != pod.UID || c.stopping || c.leaving {
		return
	}
	how := does(c.image)
	if how == fragile {
		n.crash(name, pod.UID)
		return
	}
	n.started++
	c.id = fmt.Sprintf("containerd://%s-%d", n.name, n.started)
	n.containers[name] = c
	n.report(name, pod.UID, corev1.PodRunning, false, n.w.running())
	n.becomeReady(name, pod.UID, how)
}

// eachPod calls do with each pod that is bound to the node.
func (n *node) eachPod(do func(*corev1.Pod)) {
	for _, object := range n.w.api.List(pods, namespace) {
		if pod := object.(*corev1.Pod); pod.Spec.NodeName == n.name {
			do(pod)
		}
	}
}
