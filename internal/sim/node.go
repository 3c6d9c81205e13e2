package sim

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// node is a machine and its kubelet. What runs on it is so whether or not the API
// server knows.
type node struct {
	w          *World
	name       string
	powered    bool
	connected  bool
	containers map[string]container // by pod name; a node never starts a second one of a name
}

// container is a pod that runs. The zero value is none.
type container struct {
	uid      types.UID
	stopping bool
}

func (w *World) addNode(name string) {
	w.nodes = append(w.nodes, &node{w: w, name: name, powered: true, connected: true, containers: map[string]container{}})
}

func (n *node) works() bool { return n.powered && n.connected }

// kubelets hear of a pod that is bound to them.
func (w *World) kubelets(e apiserver.Event) {
	pod, ok := e.Object.(*corev1.Pod)
	if !ok {
		return
	}
	for _, n := range w.nodes {
		if n.name == pod.Spec.NodeName {
			w.after(w.between(n.name, 5*time.Millisecond, 300*time.Millisecond), n.name, func() { n.sync(pod.Name) })
		}
	}
}

// sync does what is to be done about the pod of a name.
func (n *node) sync(name string) {
	if !n.works() {
		return
	}
	pod := n.pod(name)
	running := n.containers[name]
	switch {
	case running.uid != "" && (pod == nil || pod.UID != running.uid):
		n.stop(name, running)
	case pod == nil:
	case pod.DeletionTimestamp != nil && running.uid != "":
		n.stop(name, running)
	case pod.DeletionTimestamp != nil:
		n.finalize(pod)
	case pod.Status.Phase == corev1.PodPending && running.uid == "":
		n.start(pod)
	}
}

// pod is the one of that name that is bound to the node, nil if there is none.
func (n *node) pod(name string) *corev1.Pod {
	object, err := n.w.api.Get(pods, keyOf(name))
	if err != nil || object.(*corev1.Pod).Spec.NodeName != n.name {
		return nil
	}
	return object.(*corev1.Pod)
}

// start begins what the pod's image does.
func (n *node) start(pod *corev1.Pod) {
	uid := pod.UID
	n.w.after(n.w.between(n.name, 300*time.Millisecond, 3*time.Second), n.name, func() {
		now := n.pod(pod.Name)
		if !n.works() || now == nil || now.UID != uid || now.DeletionTimestamp != nil ||
			now.Status.Phase != corev1.PodPending || n.containers[pod.Name].uid != "" {
			return
		}
		switch behaviour(&pod.Spec) {
		case "pull":
			n.report(pod.Name, uid, corev1.PodPending, false, waiting("ImagePullBackOff"))
		case "crash":
			n.report(pod.Name, uid, corev1.PodRunning, false, waiting("CrashLoopBackOff"))
		default:
			n.containers[pod.Name] = container{uid: uid}
			n.report(pod.Name, uid, corev1.PodRunning, false, running())
			n.becomeReady(pod.Name, uid, behaviour(&pod.Spec))
		}
	})
}

func (n *node) becomeReady(name string, uid types.UID, behaviour string) {
	delay := n.w.between(n.name, 200*time.Millisecond, 4*time.Second)
	switch behaviour {
	case "unready":
		return
	case "slow":
		delay += n.w.between(n.name, 0, time.Minute)
	}
	n.w.after(delay, n.name, func() { n.report(name, uid, corev1.PodRunning, true, running()) })
}

// report writes a pod's status, if it is still the same pod and the node can.
func (n *node) report(name string, uid types.UID, phase corev1.PodPhase, ready bool, state corev1.ContainerState) {
	pod := n.pod(name)
	if !n.works() || pod == nil || pod.UID != uid || pod.Status.Phase == corev1.PodFailed {
		return
	}
	if ready && (n.containers[name].uid != uid || n.containers[name].stopping) {
		return
	}
	updated := pod.DeepCopy()
	updated.Status.Phase = phase
	updated.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", Ready: ready, State: state}}
	n.w.setReady(updated, ready)
	n.w.must(n.w.api.UpdateStatus(updated))
}

// setReady changes a pod's Ready condition, which says since when.
func (w *World) setReady(pod *corev1.Pod, ready bool) {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == corev1.PodReady {
			if c.Status != status {
				c.Status, c.LastTransitionTime = status, metav1.NewTime(w.now.Truncate(time.Second))
			}
			return
		}
	}
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
		Type: corev1.PodReady, Status: status, LastTransitionTime: metav1.NewTime(w.now.Truncate(time.Second)),
	})
}

// stop ends a container, which takes its time, and then lets its pod go.
func (n *node) stop(name string, running container) {
	if running.stopping {
		return
	}
	running.stopping = true
	n.containers[name] = running
	takes := n.w.between(n.name, 100*time.Millisecond, 5*time.Second)
	if n.w.rand(n.name).IntN(1000) < n.w.script.Faults.Stubborn && !n.w.calm {
		n.w.counts.Faults++
		takes = epoch.Add(n.w.script.End).Sub(n.w.now)
	}
	n.w.after(takes, n.name, func() {
		if n.containers[name].uid != running.uid || !n.powered {
			return
		}
		delete(n.containers, name)
		n.w.tell("%s has stopped", name)
		n.sync(name)
	})
}

// finalize removes a pod whose containers have stopped.
func (n *node) finalize(pod *corev1.Pod) {
	uid := pod.UID
	n.w.must(n.w.api.Delete(pods, client.ObjectKeyFromObject(pod), &client.DeleteOptions{
		GracePeriodSeconds: ptr.To[int64](0), Preconditions: &metav1.Preconditions{UID: &uid},
	}))
}

// end makes a pod one that has failed: its container is gone for good.
func (n *node) end(name, reason string) {
	pod := n.pod(name)
	if !n.works() || pod == nil || pod.DeletionTimestamp != nil {
		return
	}
	delete(n.containers, name)
	updated := pod.DeepCopy()
	updated.Status.Phase, updated.Status.Reason = corev1.PodFailed, reason
	n.w.setReady(updated, false)
	n.w.must(n.w.api.UpdateStatus(updated))
}

func waiting(reason string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
}

func running() corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
}

// behaviour is what an image does: "app:7-good" gets ready.
func behaviour(spec *corev1.PodSpec) string {
	_, how, _ := strings.Cut(spec.Containers[0].Image, "-")
	return how
}
