package sim

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// scheduler hears of what may let a pod find its node.
func (w *World) scheduler(e apiserver.Event) {
	switch object := e.Object.(type) {
	case *corev1.Pod:
		if object.Spec.NodeName == "" && e.Type != deleted {
			w.scheduleSoon(object.Name)
		}
	case *corev1.PersistentVolumeClaim:
		if e.Type == added {
			w.bindSoon(object)
		}
		w.scheduleAll()
	}
}

// bindSoon is the volume binder: it finds a volume for a new claim, which now and
// then takes a while.
func (w *World) bindSoon(claim *corev1.PersistentVolumeClaim) {
	takes := w.between("binder", 10*time.Millisecond, time.Second)
	if w.rand("binder").IntN(8) == 0 {
		takes += w.between("binder", 0, 30*time.Second)
	}
	w.after(takes, "volume binder", func() {
		object, err := w.api.Get(claims, client.ObjectKeyFromObject(claim))
		if err != nil || object.GetUID() != claim.UID {
			return
		}
		bound := object.(*corev1.PersistentVolumeClaim).DeepCopy()
		w.provision(bound)
		bound.Status.Phase = corev1.ClaimBound
		w.must(w.api.UpdateStatus(bound))
	})
}

// unbound reports whether a pod waits for a claim's volume, of which the scheduler
// says nothing.
func (w *World) unbound(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
		if v.PersistentVolumeClaim == nil {
			return false
		}
		claim, err := w.api.Get(claims, keyOf(v.PersistentVolumeClaim.ClaimName))
		return err == nil && claim.(*corev1.PersistentVolumeClaim).Status.Phase != corev1.ClaimBound
	})
}

func (w *World) scheduleAll() {
	for _, object := range w.api.List(pods, namespace) {
		if object.(*corev1.Pod).Spec.NodeName == "" {
			w.scheduleSoon(object.GetName())
		}
	}
}

func (w *World) scheduleSoon(name string) {
	w.after(w.between("scheduler", 5*time.Millisecond, 200*time.Millisecond), "scheduler", func() { w.schedule(name) })
}

// schedule binds a pod to a node that works, or says why it cannot.
func (w *World) schedule(name string) {
	object, err := w.api.Get(pods, keyOf(name))
	if err != nil {
		return
	}
	pod := object.(*corev1.Pod)
	if pod.Spec.NodeName != "" || pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodFailed || behaviour(&pod.Spec) == unseen {
		return
	}
	if why := w.unschedulable(pod); why != "" {
		w.reportUnschedulable(pod, why)
		return
	}
	if w.unbound(pod) {
		return // the binder's news come as a change of the claim
	}
	var fit []*node
	for _, n := range w.nodes {
		if n.works() {
			fit = append(fit, n)
		}
	}
	if len(fit) == 0 {
		w.reportUnschedulable(pod, "no node is there")
		return
	}
	n := fit[w.rand("scheduler").IntN(len(fit))]
	w.must(w.api.Bind(client.ObjectKeyFromObject(pod), n.name))
}

func (w *World) unschedulable(pod *corev1.Pod) string {
	if behaviour(&pod.Spec) == nowhere {
		return "no node has what it wants"
	}
	for _, v := range pod.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		claim, err := w.api.Get(claims, keyOf(v.PersistentVolumeClaim.ClaimName))
		if err != nil {
			return "claim " + v.PersistentVolumeClaim.ClaimName + " does not exist"
		}
		if claim.GetDeletionTimestamp() != nil {
			return "claim " + v.PersistentVolumeClaim.ClaimName + " is being deleted"
		}
		if claim.(*corev1.PersistentVolumeClaim).Status.Phase == corev1.ClaimLost {
			return "persistentvolumeclaim " + v.PersistentVolumeClaim.ClaimName + " bound to non-existent persistentvolume"
		}
	}
	return ""
}

func (w *World) reportUnschedulable(pod *corev1.Pod, why string) {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Message == why {
			return
		}
	}
	updated := pod.DeepCopy()
	updated.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: why,
	}}
	w.must(w.api.UpdateStatus(updated))
}
