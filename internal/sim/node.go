package sim

import (
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
	started    int                  // how many containers it has started

	granted map[types.UID]string // the cpu that it has given to pods
	room    string               // what it makes of resizes: Deferred, or Infeasible; it does them if it is empty
}

func (w *World) addNode(name string) {
	w.nodes = append(w.nodes, &node{w: w, name: name, powered: true, connected: true, containers: map[string]container{}, granted: map[types.UID]string{}})
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
	case running.uid != "":
		n.adjust(pod, running)
	case pod.Status.Phase == corev1.PodRunning && triedLast(pod) != imageOf(&pod.Spec):
		n.begin(name, pod.UID)
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
	if behaviour(&pod.Spec) == slow {
		n.report(pod.Name, uid, corev1.PodPending, false, waiting("ContainerCreating"))
	}
	n.w.after(n.w.between(n.name, 300*time.Millisecond, 3*time.Second), n.name, func() {
		if now := n.pod(pod.Name); now != nil && now.Status.Phase == corev1.PodPending {
			n.begin(pod.Name, uid)
		}
	})
}

// begin has a pod of which nothing runs do what its image does.
func (n *node) begin(name string, uid types.UID) {
	pod := n.pod(name)
	if !n.works() || pod == nil || pod.UID != uid || pod.DeletionTimestamp != nil || finished(pod) || n.containers[name].uid != "" {
		return
	}
	if n.awaitsVolume(pod) {
		return
	}
	how := behaviour(&pod.Spec)
	if reason := neverRuns[how]; reason != "" {
		n.report(name, uid, pod.Status.Phase, false, waiting(reason))
		return
	}
	if how == crash {
		n.crash(name, uid)
		return
	}
	n.run(name, uid, how)
}

// run starts a pod's container, which then does what its image does.
func (n *node) run(name string, uid types.UID, how string) {
	n.containers[name] = n.newContainer(n.pod(name))
	n.report(name, uid, corev1.PodRunning, false, n.w.running())
	n.becomeReady(name, uid, how)
}

func (n *node) becomeReady(name string, uid types.UID, how string) {
	n.w.askForQuorum(name, how)
	id := n.containers[name].id
	unlessOther := func(do func()) func() {
		return func() {
			if n.containers[name].id == id {
				do()
			}
		}
	}
	delay := n.w.between(n.name, 200*time.Millisecond, 4*time.Second)
	switch how {
	case unready, quorate:
		return
	case loop:
		n.w.after(delay, n.name, unlessOther(func() { n.crash(name, uid) }))
		return
	case slow:
		delay += n.w.between(n.name, 0, time.Minute)
	}
	n.w.after(delay, n.name, unlessOther(func() { n.report(name, uid, corev1.PodRunning, true, n.w.running()) }))
}

// crash ends a pod's container with an error. The kubelet starts it again after a pause
// that grows, and it ends again, unless its image runs for a while.
func (n *node) crash(name string, uid types.UID) {
	pod := n.pod(name)
	if !n.works() || pod == nil || pod.UID != uid || pod.DeletionTimestamp != nil || finished(pod) {
		return
	}
	delete(n.containers, name)
	n.w.countQuorum(name)
	n.report(name, uid, corev1.PodRunning, false, waiting("CrashLoopBackOff"))
	if behaviour(&pod.Spec) == loop {
		n.w.after(10*time.Second<<min(restarts(n.pod(name)), 5), n.name, func() {
			if now := n.pod(name); n.works() && now != nil && now.UID == uid && now.DeletionTimestamp == nil && n.containers[name].uid == "" && !finished(now) && behaviour(&now.Spec) == loop {
				n.run(name, uid, loop)
			}
		})
	}
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
	if updated.Status.StartTime == nil {
		updated.Status.StartTime = n.w.seconds()
	}
	updated.Status.ObservedGeneration = n.seen(pod)
	updated.Status.ContainerStatuses = []corev1.ContainerStatus{containerStatus(pod, n.containers[name], ready, state)}
	n.w.setReady(updated, ready)
	n.w.must(n.w.api.UpdateStatus(updated))
	if ready {
		n.w.join(name)
	}
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
				c.Status, c.LastTransitionTime = status, *w.seconds()
			}
			return
		}
	}
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
		Type: corev1.PodReady, Status: status, LastTransitionTime: *w.seconds(),
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
		n.w.countQuorum(name)
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
	n.w.countQuorum(name)
	updated := pod.DeepCopy()
	updated.Status.Phase, updated.Status.Reason = corev1.PodFailed, reason
	n.w.setReady(updated, false)
	n.w.must(n.w.api.UpdateStatus(updated))
}

func waiting(reason string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
}

func (w *World) running() corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: *w.seconds()}}
}

// seconds is now, as the API tells the time.
func (w *World) seconds() *metav1.Time {
	return ptr.To(metav1.NewTime(w.now.Truncate(time.Second)))
}
