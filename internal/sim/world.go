package sim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

const (
	// namespace is where everything happens.
	namespace = "shop"
	// settling is how long, once the last fault is over, the sets may take to get
	// where they are wanted. The longest pauses of a kubelet and of the controller
	// are five minutes each.
	settling = 2 * time.Hour
	// mostSteps ends a history that would go on for ever.
	mostSteps = 200_000
)

// epoch is when every history begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// World is one history while it happens.
type World struct {
	script  Script
	now     time.Time
	agenda  agenda
	streams map[string]*rand.Rand
	steps   int
	calm    bool // the faults are over

	api       *apiserver.Server
	published int       // how many of the API server's events have been passed on
	writer    *instance // the controller that is writing; nil for anybody else
	voice     string    // who is doing something

	nodes      []*node
	quorums    map[string]*quorum // by set
	crews      map[string]*crew   // by set; none of those without roles
	driver     *driver
	patient    map[string]bool // by set, whether its user leaves it to a policy to go back
	instances  []*instance
	disputed   time.Duration // for how long two have led whose clocks differ
	collecting bool          // the garbage collector is going to look

	memberships map[string]*membership // by the name of a pod

	fence  *fencing // nil where the in-tree controller is switched off
	judge  *judge
	story  *story // nil to tell none
	counts Counts
}

// Counts say how much happened in a history.
type Counts struct{ Events, Faults, Writes, Refused int }

// newWorld is the world at the beginning of a script.
func newWorld(script Script, told *story) *World {
	w := &World{script: script, now: epoch, streams: map[string]*rand.Rand{}, quorums: map[string]*quorum{}, crews: map[string]*crew{}, patient: map[string]bool{}, memberships: map[string]*membership{}, story: told}
	w.api = apiserver.New(func() time.Time { return w.now })
	w.api.Manager = somebody
	w.api.Expanding, w.driver = true, newDriver(w)
	w.judge = newJudge(w)
	for i := range script.Nodes {
		w.addNode(fmt.Sprintf("n%d", i+1))
	}
	if script.Fenced {
		w.fence = &fencing{}
		w.fenceChanged()
		w.inTreeLooks()
	}
	w.startController(0)
	for _, move := range script.Moves {
		w.at(move.At, "user", func() { w.makeMove(move) })
	}
	w.at(script.End, "world", w.becomeCalm)
	return w
}

// rand is the source of chance for one purpose. Purposes do not disturb each
// other, so that a script with a move less differs little.
func (w *World) rand(purpose string) *rand.Rand {
	r, ok := w.streams[purpose]
	if !ok {
		h := fnv.New64a()
		h.Write([]byte(purpose))
		r = rand.New(rand.NewPCG(w.script.Seed, h.Sum64()))
		w.streams[purpose] = r
	}
	return r
}

// between is a random time from low to high.
func (w *World) between(purpose string, low, high time.Duration) time.Duration {
	return low + time.Duration(w.rand(purpose).Int64N(int64(high-low)+1))
}

// at has somebody do something at a time since the beginning.
func (w *World) at(since time.Duration, who string, do func()) {
	w.agenda.enter(epoch.Add(since), who, do)
}

// after has somebody do something in a while.
func (w *World) after(d time.Duration, who string, do func()) { w.agenda.enter(w.now.Add(d), who, do) }

// run lets the world go on until nothing is left to happen, a promise is broken,
// or the time is up.
func (w *World) run(until time.Duration) {
	end := epoch.Add(until)
	for w.judge.broken == nil && w.step(end) {
		if w.steps++; w.steps > mostSteps {
			w.judge.endless()
		}
	}
}

// step lets the next thing happen that is due by the given time.
func (w *World) step(by time.Time) bool {
	next, ok := w.agenda.next(by)
	if !ok {
		return false
	}
	if next.at.After(w.now) {
		w.now = next.at
	}
	before := w.voice
	w.voice = next.who
	next.do()
	w.publish()
	w.voice = before
	w.judge.look()
	return true
}

// pass lets time pass while somebody waits for an answer.
func (w *World) pass(d time.Duration) {
	end := w.now.Add(d)
	for w.judge.broken == nil && w.step(end) {
	}
	if end.After(w.now) {
		w.now = end
	}
}

// publish passes on what has changed to those who watch.
func (w *World) publish() {
	for log := w.api.Log(); w.published < len(log); log = w.api.Log() {
		event := log[w.published]
		w.published++
		w.counts.Events++
		w.tellEvent(event)
		w.judge.event(event, w.writer)
		w.deplete(event)
		w.beginAnew(event)
		for _, i := range w.instances {
			i.hear(event)
		}
		w.scheduler(event)
		w.kubelets(event)
		w.members(event)
		w.driver.hear(event)
		w.collector()
	}
}

// as makes a write in somebody's name, so that it is told and judged as theirs.
func (w *World) as(who *instance, write func() error) error {
	w.publish()
	before := w.writer
	w.writer, w.api.Manager = who, ourManager
	err := write()
	w.publish()
	w.writer, w.api.Manager = before, somebody
	return err
}

// collector is the garbage collector: some time after anything has changed it
// looks, and does one thing at a time.
func (w *World) collector() {
	if w.collecting {
		return
	}
	w.collecting = true
	w.after(w.between("collector", 50*time.Millisecond, 3*time.Second), "garbage collector", func() {
		w.collecting = false
		did, err := w.api.Collect()
		w.must(err)
		if did != "" {
			w.tell("%s", did)
			w.collector()
		}
	})
}
