package sim

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// The application of a set whose members have elected a leader keeps each member's role in a
// label of its pod, as Patroni does.
const (
	roleLabel = "role"
	primary   = "primary"
	replica   = "replica"
	unsteady  = "unsteady"
)

// crew is what the members of a set know of who leads.
type crew struct {
	leader   types.UID // the pod; it may be gone
	electing bool
	unsteady bool
}

// lead has a member become the leader, if it is ready. From the first time on the members
// keep their roles, and if they are unsteady, another one takes over now and then.
func (w *World) lead(m Move) {
	c := w.crews[m.Set]
	if c == nil {
		c = &crew{}
		w.crews[m.Set] = c
	}
	if m.Text == unsteady && !c.unsteady {
		c.unsteady = true
		w.changeLeaders(m.Set)
	}
	if object, err := w.api.Get(pods, keyOf(identity.PodName(m.Set, m.N))); err == nil {
		c.leader = object.GetUID()
	}
	w.electSoon(m.Set)
}

func (w *World) changeLeaders(set string) {
	w.after(w.between("roles", 20*time.Second, 3*time.Minute), "member of "+set, func() {
		if !w.calm {
			w.crews[set].leader = ""
			w.electSoon(set)
			w.changeLeaders(set)
		}
	})
}

// members hear that a pod of theirs has changed.
func (w *World) members(e apiserver.Event) {
	if set, _, ok := identity.Parse(e.Object.GetName()); ok && e.Kind == pods && w.crews[set] != nil {
		w.electSoon(set)
	}
}

func (w *World) electSoon(set string) {
	c := w.crews[set]
	if c.electing {
		return
	}
	c.electing = true
	w.after(w.between("roles", 50*time.Millisecond, 3*time.Second), "member of "+set, func() {
		c.electing = false
		w.elect(set)
	})
}

// elect has the leader stay while it is ready, and another take its place when it is not.
// Who is not ready keeps the role that its pod says.
func (w *World) elect(name string) {
	set := w.set(name)
	if set == nil || set.Spec.Template.Labels[roleLabel] != "" { // which says something else
		return
	}
	c := w.crews[name]
	var ready []*corev1.Pod
	leads := false
	for _, object := range w.api.List(pods, namespace) {
		pod := object.(*corev1.Pod)
		if of, _, ok := identity.Parse(pod.Name); ok && of == name && ownedBy(pod, set) && isReady(pod) && pod.DeletionTimestamp == nil {
			ready = append(ready, pod)
			leads = leads || pod.UID == c.leader
		}
	}
	if len(ready) > 0 && !leads {
		c.leader = ready[w.rand("roles").IntN(len(ready))].UID
	}
	for _, pod := range ready {
		role := replica
		if pod.UID == c.leader {
			role = primary
		}
		if pod.Labels[roleLabel] != role {
			told := pod.DeepCopy()
			told.Labels[roleLabel] = role
			w.try(w.api.Update(told))
		}
	}
}
