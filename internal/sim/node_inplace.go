package sim

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// adjust is what a kubelet does about a pod of which a container runs, and whose
// specification may be another by now. It says first that it knows of that, while the old
// container still runs; what of the change is a resize it does while the container runs.
func (n *node) adjust(pod *corev1.Pod, c container) {
	if c.leaving || c.stopping || c.growing || pod.Status.Phase != corev1.PodRunning {
		return
	}
	if c.seen < pod.Generation {
		c.seen = pod.Generation
		n.containers[pod.Name] = c
		n.show(pod.Name, nil)
	}
	if c.image != imageOf(&pod.Spec) {
		n.exchange(pod.Name)
		return
	}
	n.resize(pod, c)
}

// exchange stops a container, and starts one of the image that its pod asks for then.
func (n *node) exchange(name string) {
	c := n.containers[name]
	c.leaving = true
	n.containers[name] = c
	n.w.after(n.w.between(n.name, 100*time.Millisecond, 5*time.Second), n.name, func() {
		if now := n.containers[name]; !n.powered || now.id != c.id || now.stopping {
			return
		}
		delete(n.containers, name)
		n.w.countQuorum(name)
		n.report(name, c.uid, corev1.PodRunning, false, waiting("ContainerCreating"))
		n.w.after(n.w.between(n.name, 300*time.Millisecond, 3*time.Second), n.name, func() { n.begin(name, c.uid) })
	})
}

// resize gives a container the cpu that its pod asks for, if the node has room, and says how
// that stands.
func (n *node) resize(pod *corev1.Pod, c container) {
	cpu := cpuOf(&pod.Spec)
	switch {
	case c.cpu == cpu:
		if slices.ContainsFunc(pod.Status.Conditions, isOfResize) {
			n.show(pod.Name, nil)
		}
	case n.room != "":
		n.show(pod.Name, &corev1.PodCondition{Type: corev1.PodResizePending, Reason: n.room, Message: "the node has no room"})
	default:
		c.growing = true
		n.containers[pod.Name] = c
		n.show(pod.Name, &corev1.PodCondition{Type: corev1.PodResizeInProgress})
		n.w.after(n.w.between(n.name, 100*time.Millisecond, 5*time.Second), n.name, func() { n.grow(pod.Name, pod.UID, cpu) })
	}
}

// grow ends a resize. The container may have to be restarted for it to count.
func (n *node) grow(name string, uid types.UID, cpu string) {
	c := n.containers[name]
	if !n.powered || c.uid != uid || c.stopping {
		return
	}
	n.granted[uid] = cpu
	c.cpu, c.growing = cpu, false
	n.containers[name] = c
	if pod := n.pod(name); n.works() && pod != nil && pod.UID == uid {
		if restarts := slices.ContainsFunc(pod.Spec.Containers[0].ResizePolicy, func(p corev1.ContainerResizePolicy) bool {
			return p.RestartPolicy == corev1.RestartContainer
		}); restarts && !c.leaving {
			n.exchange(name)
		}
		n.show(name, nil)
		n.sync(name) // it may ask for something else by now
	}
}

// show writes what a node knows of a pod's specification, what it has given to it, and how
// its resize stands.
func (n *node) show(name string, resize *corev1.PodCondition) {
	pod, c := n.pod(name), n.containers[name]
	if !n.works() || pod == nil || pod.UID != c.uid || len(pod.Status.ContainerStatuses) == 0 {
		return
	}
	updated := pod.DeepCopy()
	updated.Status.ObservedGeneration = c.seen
	updated.Status.ContainerStatuses[0].Resources = requests(c.cpu)
	isOld := func(o corev1.PodCondition) bool {
		return isOfResize(o) && (resize == nil || o.Type != resize.Type || o.Reason != resize.Reason)
	}
	updated.Status.Conditions = slices.DeleteFunc(updated.Status.Conditions, isOld)
	if resize != nil && !slices.ContainsFunc(updated.Status.Conditions, func(o corev1.PodCondition) bool { return o.Type == resize.Type }) {
		resize.Status, resize.LastTransitionTime = corev1.ConditionTrue, *n.w.seconds()
		updated.Status.Conditions = append(updated.Status.Conditions, *resize)
	}
	n.w.must(n.w.api.UpdateStatus(updated))
}

func isOfResize(c corev1.PodCondition) bool {
	return c.Type == corev1.PodResizePending || c.Type == corev1.PodResizeInProgress
}

// makeRoom says what a node makes of resizes from now on, and of those that it has put off.
func (n *node) makeRoom(room string) {
	n.room = room
	for _, name := range sortedKeys(n.containers) {
		n.sync(name)
	}
}
