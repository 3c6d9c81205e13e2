package sim

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller"
	"ordinal.dev/ordinal/internal/controller/interlock"
	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// The pauses after errors, as the real queue makes them.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// instance is one process of the controller: the real engine, and around it
// caches that hear of things late and a queue.
type instance struct {
	w      *World
	name   string
	engine *controller.Engine
	feeds  map[apiserver.Kind]*feed
	skew   time.Duration // of its clock

	started time.Time

	interlock *interlock.Interlock // nil in a history without a fence
	fenceSeen int                  // how many of the fence's changes it has seen
	fenceSent int                  // how many of them it had when it sent its last write
	fenceDue  time.Time            // when it sees the last that is on its way

	leads, dead, busy bool
	pausedUntil       time.Time
	due               map[types.NamespacedName]time.Time
	failures          map[types.NamespacedName]int
	heard             time.Time                          // when it observed something last
	lists             int                                // that it has made
	looked            map[types.NamespacedName]time.Time // when it looked at a set last
	met               map[types.UID]time.Time            // by its own clock, when it could first act on a set

	heardOf map[handedOver]bool // hand-overs that have succeeded

	// What a truthful view may be as old as, for the judge: see judge.floor.
	tookOver  int64
	lastWrite map[wrote]int64
	acting    string                   // the set it is working on
	begun     int64                    // the version when it began to
	planned   time.Time                // by its own clock, when it did
	ownSince  map[int64]apiserver.Kind // the versions of its writes since
}

// startController starts a process that leads. Its caches may begin in the past.
func (w *World) startController(past time.Duration) *instance {
	i := &instance{
		w: w, name: fmt.Sprintf("controller %d", len(w.instances)+1), leads: true,
		started: w.now, feeds: map[apiserver.Kind]*feed{}, due: map[types.NamespacedName]time.Time{},
		failures: map[types.NamespacedName]int{}, looked: map[types.NamespacedName]time.Time{}, met: map[types.UID]time.Time{}, heardOf: map[handedOver]bool{}, heard: w.now, lastWrite: map[wrote]int64{}, tookOver: w.api.Version(),
	}
	link := link{i: i}
	i.engine = controller.NewEngine(controller.Surroundings{Client: link, Live: link, Recorder: link, Clock: link, Hooks: i.hookRunner(), Interlock: i.guardFence()})
	w.instances = append(w.instances, i)
	w.tell("%s starts", i.name)
	for _, example := range kinds.Watched() {
		kind := apiserver.KindOf(example)
		i.feeds[kind] = &feed{kind: kind, example: example, seen: map[string]client.Object{}}
		i.fill(i.feeds[kind], past)
	}
	return i
}

// stop ends the process, wherever it is.
func (i *instance) stop(why string) {
	if !i.dead {
		i.w.tell("%s %s", i.name, why)
		i.dead = true
	}
}

// stopped is what a process panics with that is stopped in the middle of its work.
type stopped struct{ i *instance }

// enqueue has a set looked at in a while, if that is not due earlier anyway.
func (i *instance) enqueue(set types.NamespacedName, in time.Duration) {
	at := i.w.now.Add(in)
	if due, ok := i.due[set]; ok && !due.After(at) {
		return
	}
	i.due[set] = at
	i.w.agenda.enter(at, i.name, func() { i.work(set) })
}

// work looks at a set, if it is due and nothing else is being done.
func (i *instance) work(set types.NamespacedName) {
	due, ok := i.due[set]
	if i.dead || !i.leads || !ok || due.After(i.w.now) {
		return
	}
	if i.busy || i.w.now.Before(i.pausedUntil) {
		delete(i.due, set)
		i.enqueue(set, max(i.pausedUntil.Sub(i.w.now), time.Millisecond))
		return
	}
	delete(i.due, set)
	i.reconcile(set)
}

// reconcile runs the real reconciler, which may be stopped in the middle.
func (i *instance) reconcile(set types.NamespacedName) {
	i.busy, i.acting, i.begun, i.planned = true, set.Name, i.w.api.Version(), i.w.now.Add(i.skew)
	i.ownSince = map[int64]apiserver.Kind{}
	i.tellView(set.Name)
	if seen := i.feeds[sets].seen[set.Name]; seen != nil && i.met[seen.GetUID()].IsZero() && i.interlock.MayAct(set).Why == "" {
		i.met[seen.GetUID()] = i.planned
	}
	defer func() {
		i.busy, i.looked[set] = false, i.w.now
		i.remember()
		if caught := recover(); caught != nil && caught != (stopped{i}) {
			panic(caught)
		}
	}()
	result, err := i.engine.Reconcile(context.Background(), set)
	if result.RequeueAfter > 0 {
		i.enqueue(set, result.RequeueAfter)
	}
	if err == nil {
		delete(i.failures, set)
		return
	}
	i.w.tell("is told: %v", err)
	i.enqueue(set, min(firstRetry<<min(i.failures[set], 10), lastRetry))
	i.failures[set]++
}

// remember keeps the versions of what it has written, by kind.
func (i *instance) remember() {
	for version, kind := range i.ownSince {
		last := wrote{i.acting, kind}
		i.lastWrite[last] = max(i.lastWrite[last], version)
	}
}

// feed is the watch of one kind.
type feed struct {
	kind    apiserver.Kind
	example client.Object
	coming  []apiserver.Event // not heard of yet, oldest first
	seen    map[string]client.Object
	last    time.Time // when the newest of them arrives
}

// hear enters an event that will arrive in a while, after those before it.
func (i *instance) hear(e apiserver.Event) {
	f := i.feeds[e.Kind]
	if f == nil || i.dead {
		return
	}
	at := i.w.now.Add(i.w.between("watch "+string(e.Kind), time.Millisecond, 20*time.Millisecond))
	if lag := i.w.script.Faults.Lag; lag > 0 && !i.w.calm && i.w.rand("lag "+string(e.Kind)).IntN(8) == 0 {
		i.w.counts.Faults++
		at = at.Add(i.w.between("lag "+string(e.Kind), 0, lag))
	}
	if at.Before(f.last) {
		at = f.last
	}
	f.last = at
	f.coming = append(f.coming, e)
	i.w.agenda.enter(at, i.name, func() { i.observe(f, e.Version) })
}

// observe takes in the events of a feed up to a version.
func (i *instance) observe(f *feed, version int64) {
	if len(f.coming) > 0 && f.coming[0].Version <= version && !i.dead && i.reconnects() {
		i.w.tell("reconnects its watch of %s", f.kind)
		i.fill(f, 0)
		return
	}
	for len(f.coming) > 0 && f.coming[0].Version <= version && !i.dead {
		e := f.coming[0]
		f.coming = f.coming[1:]
		f.seen[e.Object.GetName()] = e.Object
		if e.Type == deleted {
			delete(f.seen, e.Object.GetName())
		}
		i.heard = i.w.now
		calls, err := i.engine.Observe(e.Object.DeepCopyObject().(client.Object), e.Type == deleted)
		i.w.must(err)
		i.answer(calls)
	}
}

// reconnects reports whether the watch breaks now and is made anew, from a list in
// which all that is still to come is there already.
func (i *instance) reconnects() bool {
	if i.w.script.Faults.Reconnects == 0 || i.w.calm || i.w.rand("reconnects").IntN(1000) >= i.w.script.Faults.Reconnects {
		return false
	}
	i.w.counts.Faults++
	return true
}

// fill lists a kind, as it was some time ago, and then hears of what followed.
func (i *instance) fill(f *feed, past time.Duration) {
	f.coming, f.last = nil, i.w.now
	i.lists++
	list, version, later := i.w.asOf(f.kind, i.w.now.Add(-past))
	clear(f.seen)
	for _, object := range list {
		f.seen[object.GetName()] = object
	}
	calls, err := i.engine.Replace(f.example, list, strconv.FormatInt(version, 10))
	i.w.must(err)
	i.answer(calls)
	for _, e := range later {
		i.hear(e)
	}
}

// answer has the sets looked at, in an order that comes again: the caches keep none.
func (i *instance) answer(calls []controller.Call) {
	slices.SortStableFunc(calls, func(a, b controller.Call) int { return strings.Compare(a.Set.Name, b.Set.Name) })
	for _, call := range calls {
		i.enqueue(call.Set, call.In+i.w.between("work", 0, 3*time.Millisecond))
	}
}

// asOf is what a list of a kind showed at a time, its version, and the events
// since.
func (w *World) asOf(kind apiserver.Kind, at time.Time) ([]client.Object, int64, []apiserver.Event) {
	var list []client.Object
	var later []apiserver.Event
	objects, version := map[string]client.Object{}, int64(1)
	for _, e := range w.api.Log() {
		switch {
		case e.Time.After(at):
			if e.Kind == kind {
				later = append(later, e)
			}
			continue
		case e.Kind == kind && e.Type == deleted:
			delete(objects, e.Object.GetName())
		case e.Kind == kind:
			objects[e.Object.GetName()] = e.Object
		}
		version = e.Version
	}
	for _, name := range sortedKeys(objects) {
		list = append(list, objects[name].DeepCopyObject().(client.Object))
	}
	return list, version, later
}

// Eventf implements report.Recorder.
func (l link) Eventf(_, _ runtime.Object, kind, reason, _, note string, args ...any) {
	l.i.w.tell("event %s %s: %s", kind, reason, fmt.Sprintf(note, args...))
}
