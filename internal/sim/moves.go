package sim

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// makeMove makes one move of the script.
func (w *World) makeMove(m Move) {
	w.tell("%s", m)
	if change, ok := edits[m.What]; ok {
		w.edit(m, change)
		return
	}
	if deed, ok := deeds[m.What]; ok {
		deed(w, m)
		return
	}
	w.counts.Faults++
	switch m.What {
	case takeNamespace, giveBack, dropPolicy, dropBinding, putFence:
		w.changeFence(m)
	default:
		w.outage(m)
	}
}

// outage makes the moves that users do not make.
func (w *World) outage(m Move) {
	name := identity.PodName(m.Set, m.N)
	switch m.What {
	case evict, fail:
		reason := map[What]string{evict: "Evicted", fail: "Error"}[m.What]
		w.eachNode(func(n *node) { n.end(name, reason) })
	case restartPod:
		w.eachNode(func(n *node) { n.restart(name) })
	case cutOff:
		w.node(m.N).cutOff()
	case comeBack:
		w.node(m.N).comeBack()
	case powerOff:
		w.node(m.N).powerOff()
	case giveUp:
		w.node(m.N).powerOff()
		w.node(m.N).outOfService()
	case powerCut:
		w.eachNode((*node).powerOff)
		w.after(time.Duration(m.N)*time.Second, "world", func() { w.eachNode((*node).comeBack) })
	case restartAll:
		for i := range 5 {
			w.eachNode(func(n *node) { n.restart(identity.PodName(m.Set, i)) })
		}
	case restart:
		w.restartSoon(w.leader(), "is stopped")
	case failOver:
		w.failOver(time.Duration(m.N) * time.Second)
	case pause:
		w.leader().pausedUntil = w.now.Add(time.Duration(m.N) * time.Second)
	case jump:
		w.leader().skew = time.Duration(m.N) * time.Second
	case relist:
		i := w.leader()
		i.fill(i.feeds[apiserver.Kind(m.Text)], 0)
	}
}

func (w *World) node(n int) *node { return w.nodes[n%len(w.nodes)] }

func (w *World) eachNode(do func(*node)) {
	for _, n := range w.nodes {
		do(n)
	}
}

// leader is the controller that leads, or led last.
func (w *World) leader() *instance { return w.instances[len(w.instances)-1] }

// restartSoon ends a controller, and starts another in a while.
func (w *World) restartSoon(i *instance, why string) {
	if i.dead {
		return
	}
	i.stop(why)
	w.after(w.between("restart", 100*time.Millisecond, 10*time.Second), "world", func() {
		if w.leader().dead {
			w.startController(w.past())
		}
	})
}

// failOver starts a second leader, while the first one goes on for a while.
func (w *World) failOver(overlap time.Duration) {
	old := w.leader()
	if old.skew != 0 || w.judge.ruled { // or what the API server has said to each in dry runs
		w.disputed += overlap
	}
	w.startController(w.past())
	w.after(overlap, "world", func() { old.stop("has noticed that it leads no more, and stops") })
}

// past is how old the caches of a controller are that starts now.
func (w *World) past() time.Duration {
	if w.calm || w.script.Faults.Past == 0 {
		return 0
	}
	return w.between("past", 0, w.script.Faults.Past)
}

// becomeCalm ends all faults: nodes are back, clocks are right, the quota is
// lifted, and users mend what only they can.
func (w *World) becomeCalm() {
	w.tell("the faults are over")
	w.calm = true
	delete(w.api.Quota, namespace)
	w.api.Resizing = apiserver.Resizes
	w.eachNode((*node).comeBack)
	w.eachNode(func(n *node) { n.makeRoom("") })
	w.driver.becomeCalm()
	for _, i := range w.instances {
		i.skew, i.pausedUntil = 0, time.Time{}
	}
	if w.leader().dead {
		w.startController(0)
	}
	w.changeFence(Move{What: putFence})
	w.changeFence(Move{What: takeNamespace})
	w.mend(0)
}

// mend is what users do now and then until their sets are well.
func (w *World) mend(times int) {
	for _, object := range w.api.List(sets, namespace) {
		set := object.(*appsv1.StatefulSet).DeepCopy()
		w.easePolicies(set, times)
		if how := behaviour(&set.Spec.Template.Spec); (!isWell(how) || how == quorate && w.isDeadlocked(set)) && !w.awaitsRevert(set) {
			w.tell("mends the image of %s", set.Name)
			setImage(set, nextImage(set, good))
			w.try(w.api.Update(set))
		}
		w.mendClaims(set, times)
		if times > 0 {
			w.clear(set)
		}
	}
	if times < 4 {
		w.after(10*time.Minute, "user", func() { w.mend(times + 1) })
	}
}

// clear deletes the pods that are in a set's way and that no controller may
// touch: those of another, those that run without ever getting ready, and with
// OnDelete all that are no good.
func (w *World) clear(set *appsv1.StatefulSet) {
	for _, object := range w.api.List(pods, namespace) {
		pod := object.(*corev1.Pod)
		if owner, _, ok := identity.Parse(pod.Name); !ok || owner != set.Name || pod.DeletionTimestamp != nil {
			continue
		}
		how, onDelete := behaviour(&pod.Spec), set.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType
		isBad := !isWell(how) || how == quorate && w.isDeadlocked(set)
		if isBad {
			w.openPartition(set.Name)
		}
		goes := !w.awaitsRevert(set) && (how == unready || isBad && (onDelete || how == quorate))
		if !ownedBy(pod, set) || goes {
			w.tell("deletes %s, which is in the way", pod.Name)
			w.try(w.api.Delete(pods, keyOf(pod.Name), deleteOptions()))
		}
	}
}

// openPartition rolls an update out to the pods that were held back.
func (w *World) openPartition(name string) {
	set := w.set(name)
	if r := set.Spec.UpdateStrategy.RollingUpdate; r != nil && *r.Partition > 0 {
		w.tell("opens the partition of %s", name)
		r.Partition = ptr.To[int32](0)
		w.try(w.api.Update(set))
	}
}
