package queue

import (
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/timing"
	"ordinal.dev/ordinal/internal/plan"
)

const (
	// longestTurn is how long a set that moves may keep others waiting. A cluster that
	// is behind takes longer than timing.StatusDelay for each, and would be further behind if
	// more of them began then.
	longestTurn = 3 * timing.StatusDelay
	// idleTurn is how long it may do so while nothing happens to it: its pods take
	// their time then, and others would not slow them down.
	idleTurn = 250 * time.Millisecond
	// easyTurn is how long a set takes at most when there is room for more.
	easyTurn = timing.StatusDelay * 13 / 20
	// hardTurn is how long a set takes at least when there are too many.
	hardTurn = timing.StatusDelay * 17 / 20
	// turnsMore and turnsFewer are by how many sets the limit changes while as many as
	// it says end. It falls faster: too many cost writes, too few a little time.
	turnsMore, turnsFewer = 4, 8
)

// Admission lets sets begin with a new generation a few at a time. Begun all at once, a
// thousand sets would each take as long as all of them; one after the other, most
// are done within timing.StatusDelay of their beginning and have one status written.
//
// No set that moves keeps another waiting for longer than longestTurn, whatever
// becomes of it. Of n sets in line, the last therefore begins within n/least of
// those, rounded up.
//
// Where nothing has come yet of what a set asked for first, it is not its pods that
// take their time but the cluster that is behind. To let others begin then would make
// everything later still, and the next ones look idle sooner: so it makes no room.
//
// The more sets move, the less often everybody else runs out of work and goes to
// sleep, which is cheaper; but when sets take longer than timing.StatusDelay, each has more
// than one status written. So the limit follows how long they take.
type Admission struct {
	limit       float64                    // of the sets that may keep others waiting
	least, most float64                    // what the limit may become
	wake        func(types.NamespacedName) // called for a set whose turn has come; may be nil

	mu     sync.Mutex
	moving map[types.NamespacedName]turn // sets that have begun, or may, and are not at rest since
	line   []types.NamespacedName        // sets that wait, the longest first
	waits  map[types.NamespacedName]bool // whether a set is in line
}

// Limits are how many sets that have begun may keep others waiting: at first, and what
// may become of that.
type Limits struct{ First, Least, Most int }

// NewAdmission admits sets within the limits.
func NewAdmission(l Limits) *Admission {
	return &Admission{
		limit: float64(l.First), least: float64(l.Least), most: float64(l.Most),
		moving: map[types.NamespacedName]turn{}, waits: map[types.NamespacedName]bool{},
	}
}

// onAdmit has wake called for each set that waited and is admitted.
func (a *Admission) onAdmit(wake func(types.NamespacedName)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wake = wake
}

// Admit returns how long a set that would begin with a new generation has to
// wait; zero for all others.
func (a *Admission) Admit(set *appsv1.StatefulSet, made *plan.Plan, now time.Time) time.Duration {
	key := client.ObjectKeyFromObject(set)
	switch {
	case made.AtRest():
		a.End(key, now)
		return 0
	case len(made.Actions) == 0 || set.Status.ObservedGeneration == set.Generation:
		a.keep(key, set.Status.ObservedGeneration != set.Generation, now)
		return 0
	}
	return a.take(key, now)
}

// A turn is that of a set which moves, or may.
type turn struct {
	free   bool // it keeps nobody waiting, since it has not begun with a new generation
	began  time.Time
	active time.Time // when something happened to it last; zero until it comes for its turn, which does not count
}

// over is when the set keeps nobody waiting any more.
func (t turn) over() time.Time {
	end := t.began.Add(longestTurn)
	if !t.active.After(t.began) {
		return end
	}
	return earlier(end, t.active.Add(idleTurn))
}

// take asks for a set to begin. It returns zero if it may, now or later, and
// otherwise when to ask again should the set not be woken before.
func (a *Admission) take(set types.NamespacedName, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stirLocked(set, now) {
		return 0
	}
	if !a.waits[set] {
		a.line = append(a.line, set)
		a.waits[set] = true
	}
	next := a.advance(now, set)
	if a.stirLocked(set, now) {
		return 0
	}
	if place := slices.Index(a.line, set); place >= int(a.limit) {
		return time.Duration(place/int(a.limit)) * longestTurn
	}
	return next.Sub(now)
}

// keep notes that something happens to a set that moves without having asked for its
// turn. If it has no new generation, it keeps nobody waiting.
func (a *Admission) keep(set types.NamespacedName, isNew bool, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.stirLocked(set, now) {
		a.begin(set, !isNew, now)
		a.stirLocked(set, now)
	}
}

// Stir notes that something happens to a set that may be in line.
func (a *Admission) Stir(set types.NamespacedName, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stirLocked(set, now)
}

// stirLocked is Stir, and reports whether the set may move. When it comes to begin,
// nothing has happened to it yet.
func (a *Admission) stirLocked(set types.NamespacedName, now time.Time) bool {
	turn, has := a.moving[set]
	if !has {
		return false
	}
	if turn.active.IsZero() {
		turn.active = turn.began
	} else {
		turn.active = now
	}
	a.moving[set] = turn
	return true
}

func (a *Admission) begin(set types.NamespacedName, free bool, now time.Time) {
	a.leave(set)
	a.moving[set] = turn{free: free, began: now}
}

// leave takes a set out of the line.
func (a *Admission) leave(set types.NamespacedName) {
	if a.waits[set] {
		delete(a.waits, set)
		i := slices.Index(a.line, set)
		a.line = slices.Delete(a.line, i, i+1)
	}
}

// End notes that a set is at rest, or gone.
func (a *Admission) End(set types.NamespacedName, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if turn, has := a.moving[set]; has {
		if !turn.free {
			a.fit(now.Sub(turn.began))
		}
		delete(a.moving, set)
	}
	a.leave(set)
	a.advance(now, set)
}

// fit lets more sets move at a time, or fewer, by how long one took.
func (a *Admission) fit(took time.Duration) {
	switch {
	case took <= easyTurn:
		a.limit = min(a.limit+turnsMore/a.limit, a.most)
	case took >= hardTurn:
		a.limit = max(a.limit-turnsFewer/a.limit, a.least)
	}
}

// advance lets those begin who are first in line, as far as there is room, and
// wakes them, except for the one that asks. It returns when there is room again at
// the latest.
func (a *Admission) advance(now time.Time, asks types.NamespacedName) (next time.Time) {
	if len(a.line) == 0 {
		return now
	}
	next = now.Add(longestTurn)
	room := int(a.limit)
	for _, turn := range a.moving {
		if over := turn.over(); !turn.free && over.After(now) {
			room--
			next = earlier(next, over)
		}
	}
	for ; room > 0 && len(a.line) > 0; room-- {
		first := a.line[0]
		a.begin(first, false, now)
		if first != asks && a.wake != nil {
			a.wake(first)
		}
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
