package sim

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/controller/interlock"
	"ordinal.dev/ordinal/internal/fence"
)

// Some histories have a fence, and the in-tree controller behind it.

// lateFence is how long some API servers may go on by what was so before a policy or a
// label has changed.
const lateFence = 8 * time.Second

// fencing is the fence of a history: what is stored of it, and what has been.
type fencing struct {
	labelled, policy, binding bool
	changes                   []fenceChange
}

// fenceChange is how the fence was from a time on.
type fenceChange struct {
	labelled, policy, binding bool
	at, settled               time.Time // when all API servers go by it
}

func (c fenceChange) up() bool { return c.labelled && c.policy && c.binding }

// What people do to a fence.
const (
	takeNamespace What = "take"
	giveBack      What = "give back" // by the label alone, as nobody should
	dropPolicy    What = "delete policy"
	dropBinding   What = "delete binding"
	putFence      What = "install the fence"
)

// fenceMoves are added to the script of a history with a fence.
func (s *Script) addFence(r *rand.Rand) {
	if r.IntN(6) != 0 {
		return
	}
	s.Fenced = true
	s.Moves = append(s.Moves, Move{What: putFence, At: seconds(r, 10)}, Move{What: takeNamespace, At: seconds(r, 60)})
	for range r.IntN(5) {
		what := []What{takeNamespace, takeNamespace, giveBack, dropPolicy, dropBinding, putFence, putFence}[r.IntN(7)]
		s.Moves = append(s.Moves, Move{What: what, At: time.Duration(r.Int64N(int64(s.End)))})
	}
}

// changeFence makes a change of a script with a fence.
func (w *World) changeFence(m Move) {
	f := w.fence
	if f == nil { // the script was shrunk
		return
	}
	switch m.What {
	case takeNamespace, giveBack:
		f.labelled = m.What == takeNamespace
	case dropPolicy:
		f.policy = false
	case dropBinding:
		f.binding = false
	case putFence:
		f.policy, f.binding = true, true
	}
	w.fenceChanged()
}

func (w *World) fenceChanged() {
	f := w.fence
	change := fenceChange{f.labelled, f.policy, f.binding, w.now, w.now.Add(w.between("late fence", 0, lateFence))}
	if n := len(f.changes); n > 0 {
		if last := f.changes[n-1]; last.up() == change.up() || last.settled.After(change.settled) {
			change.settled = last.settled
		}
	}
	f.changes = append(f.changes, change)
	for _, i := range w.instances {
		i.hearFence(len(f.changes))
	}
}

// denies reports whether the API server that is asked now goes by a fence that is up.
func (w *World) denies() bool {
	f := w.fence
	if len(f.changes) == 0 {
		return false
	}
	now := f.changes[len(f.changes)-1]
	if w.now.Before(now.settled) {
		return w.rand("API servers").IntN(2) == 0
	}
	return now.up()
}

// hearFence shows an instance so many of the changes in a while, after those before.
func (i *instance) hearFence(changes int) {
	at := i.w.now.Add(i.w.between("watch of the fence", time.Millisecond, 20*time.Millisecond))
	if lag := i.w.script.Faults.Lag; lag > 0 && !i.w.calm && i.w.rand("lag of the fence").IntN(8) == 0 {
		at = at.Add(i.w.between("lag of the fence", 0, lag))
	}
	i.fenceDue = latest(i.fenceDue, at)
	i.w.agenda.enter(i.fenceDue, i.name, func() { i.seeFence(changes) })
}

// seeFence shows an instance what is stored, as of so many changes.
func (i *instance) seeFence(changes int) {
	if i.dead || changes <= i.fenceSeen {
		return
	}
	i.fenceSeen = changes
	c := i.w.fence.changes[changes-1]
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if c.labelled {
		space.Labels = map[string]string{fence.Label: fence.Ordinal}
	}
	i.w.tell("sees label %t, policy %t, binding %t", c.labelled, c.policy, c.binding)
	i.interlock.Namespace(space, false)
	i.interlock.Seen()
	policy, binding := fence.Policy(), fence.Binding()
	if !c.policy {
		policy = nil
	}
	if !c.binding {
		binding = nil
	}
	i.interlock.Policy(policy)
	i.interlock.Binding(binding)
}

// guardFence gives an instance of a history with a fence its interlock.
func (i *instance) guardFence() *interlock.Interlock {
	if i.w.fence == nil {
		return nil
	}
	i.interlock = interlock.New(fence.Fenced, link{i: i}, fenceNews{i})
	i.hearFence(len(i.w.fence.changes))
	i.w.after(time.Second, i.name, i.proveFence)
	return i.interlock
}

// proveFence makes the test writes that are due.
func (i *instance) proveFence() {
	if i.dead {
		return
	}
	defer func() {
		if caught := recover(); caught != nil && caught != (stopped{i}) {
			panic(caught)
		}
	}()
	again := time.Second
	if i.leads {
		again = i.interlock.Probe(context.Background(), fenceProbe{link{i: i}})
	}
	i.w.after(max(again, 10*time.Millisecond), i.name, i.proveFence)
}

// fenceProbe asks the API servers as the in-tree controller.
type fenceProbe struct{ link link }

// Probe implements interlock.Prober.
func (p fenceProbe) Probe(context.Context, string, string) error {
	if err := p.link.read(); err != nil {
		return err
	}
	if p.link.i.w.denies() {
		return fenceDenial
	}
	return nil
}

// MayWrite implements interlock.Prober.
func (fenceProbe) MayWrite(context.Context, string) error { return nil }

// fenceDenial is what the API server answers behind the fence.
var fenceDenial = apierrors.NewForbidden(appsv1.Resource("controllerrevisions"), "",
	errors.New("ValidatingAdmissionPolicy '"+fence.Name+"' denied request: "+fence.Policy().Spec.Validations[0].Message))

// fenceNews is what an interlock tells its instance.
type fenceNews struct{ i *instance }

// Acts implements interlock.Listener.
func (n fenceNews) Acts(string) { n.i.w.tell("acts, since the fence is proven") }

// Stops implements interlock.Listener.
func (n fenceNews) Stops(_, why string) { n.i.w.tell("stops: %s", why) }

// Wake implements interlock.Listener.
func (n fenceNews) Wake(string) {
	for _, name := range sortedKeys(n.i.feeds[sets].seen) {
		n.i.enqueue(keyOf(name), time.Millisecond)
	}
}

// FenceIs implements interlock.Listener.
func (fenceNews) FenceIs(string) {}

// Probed implements interlock.Listener.
func (fenceNews) Probed(string) {}

// Changed implements interlock.Listener.
func (fenceNews) Changed() {}
