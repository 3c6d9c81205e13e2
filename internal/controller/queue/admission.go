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
	// longestSlot is how long a set may hold a slot. A cluster that is behind takes longer
	// than timing.StatusDelay for each rollout, and would be further behind if more of
	// them began then.
	longestSlot = 3 * timing.StatusDelay
	// idleSlot is how long it may do so while nothing happens to it: its pods take
	// their time then, and other rollouts would not slow them down.
	idleSlot = 250 * time.Millisecond
	// fastRollout is how long a rollout takes at most when more slots are useful.
	fastRollout = timing.StatusDelay * 13 / 20
	// slowRollout is how long a rollout takes at least when there are too many.
	slowRollout = timing.StatusDelay * 17 / 20
	// moreSlots and fewerSlots are by how many the limit changes while as many rollouts as
	// it says end. It falls faster: too many cost writes, too few a little time.
	moreSlots, fewerSlots = 4, 8
)

// Admission lets sets begin with a new generation a few at a time: a rollout needs a slot
// to begin. Begun all at once, a thousand sets would each take as long as all of them; one
// after the other, most are done within timing.StatusDelay of their beginning and have one
// status written.
//
// No set holds its slot for longer than longestSlot, whatever becomes of it. Of n sets in
// line, the last therefore begins within n/least of those, rounded up. A set that has lost
// its slot goes on: only beginning waits.
//
// Where nothing has come yet of what a set asked for first, it is not its pods that
// take their time but the cluster that is behind. To let others begin then would make
// everything later still, and the next ones look idle sooner: so it keeps its slot.
//
// The more rollouts there are at a time, the less often API server, scheduler and nodes
// run out of work and go to sleep, which is cheaper; but when rollouts take longer than
// timing.StatusDelay, each has more than one status written. So the limit follows how long
// they take.
type Admission struct {
	limit       float64                    // of slots
	least, most float64                    // what the limit may become
	wake        func(types.NamespacedName) // called for a set that waited and is admitted; may be nil

	mu        sync.Mutex
	moving    map[types.NamespacedName]rollout // sets that have begun, or may, and are not at rest since
	waiting   []types.NamespacedName           // sets in line, the longest first
	isWaiting map[types.NamespacedName]bool    // whether a set is in line
}

// Limits are how many slots there are at first, and what may become of that.
type Limits struct{ First, Least, Most int }

// NewAdmission admits sets within the limits.
func NewAdmission(l Limits) *Admission {
	return &Admission{
		limit: float64(l.First), least: float64(l.Least), most: float64(l.Most),
		moving: map[types.NamespacedName]rollout{}, isWaiting: map[types.NamespacedName]bool{},
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
		a.touch(key, set.Status.ObservedGeneration != set.Generation, now)
		return 0
	}
	return a.acquire(key, now)
}

// A rollout is that of a set which moves, or may.
type rollout struct {
	slotless bool // it has not begun with a new generation, and needs no slot
	began    time.Time
	active   time.Time // when something happened to it last; zero until it comes to begin, which does not count
}

// slotUntil is when the set gives its slot back.
func (r rollout) slotUntil() time.Time {
	end := r.began.Add(longestSlot)
	if !r.active.After(r.began) {
		return end
	}
	return earlier(end, r.active.Add(idleSlot))
}

// acquire asks for a slot for a set to begin. It returns zero if it may, now or later, and
// otherwise when to ask again should the set not be woken before.
func (a *Admission) acquire(set types.NamespacedName, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.activeLocked(set, now) {
		return 0
	}
	if !a.isWaiting[set] {
		a.waiting = append(a.waiting, set)
		a.isWaiting[set] = true
	}
	next := a.admitNext(now, set)
	if a.activeLocked(set, now) {
		return 0
	}
	if place := slices.Index(a.waiting, set); place >= int(a.limit) {
		return time.Duration(place/int(a.limit)) * longestSlot
	}
	return next.Sub(now)
}

// touch notes that something happens to a set that moves without having asked for a
// slot. If it has no new generation, it needs none.
func (a *Admission) touch(set types.NamespacedName, isNew bool, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.activeLocked(set, now) {
		a.admit(set, !isNew, now)
		a.activeLocked(set, now)
	}
}

// Active notes that something happens to a set, which may be in line.
func (a *Admission) Active(set types.NamespacedName, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.activeLocked(set, now)
}

// activeLocked is Active, and reports whether the set may move. When it comes to begin,
// nothing has happened to it yet.
func (a *Admission) activeLocked(set types.NamespacedName, now time.Time) bool {
	r, has := a.moving[set]
	if !has {
		return false
	}
	if r.active.IsZero() {
		r.active = r.began
	} else {
		r.active = now
	}
	a.moving[set] = r
	return true
}

// admit lets a set begin.
func (a *Admission) admit(set types.NamespacedName, slotless bool, now time.Time) {
	a.leaveLine(set)
	a.moving[set] = rollout{slotless: slotless, began: now}
}

// leaveLine takes a set out of the line.
func (a *Admission) leaveLine(set types.NamespacedName) {
	if a.isWaiting[set] {
		delete(a.isWaiting, set)
		i := slices.Index(a.waiting, set)
		a.waiting = slices.Delete(a.waiting, i, i+1)
	}
}

// End notes that a set is at rest, or gone.
func (a *Admission) End(set types.NamespacedName, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r, has := a.moving[set]; has {
		if !r.slotless {
			a.adjust(now.Sub(r.began))
		}
		delete(a.moving, set)
	}
	a.leaveLine(set)
	a.admitNext(now, set)
}

// adjust makes more slots, or fewer, by how long a rollout took.
func (a *Admission) adjust(took time.Duration) {
	switch {
	case took <= fastRollout:
		a.limit = min(a.limit+moreSlots/a.limit, a.most)
	case took >= slowRollout:
		a.limit = max(a.limit-fewerSlots/a.limit, a.least)
	}
}

// admitNext lets those begin who are first in line, as far as there are slots, and
// wakes them, except for the one that asks. It returns when there is a slot again at
// the latest.
func (a *Admission) admitNext(now time.Time, asks types.NamespacedName) (next time.Time) {
	if len(a.waiting) == 0 {
		return now
	}
	next = now.Add(longestSlot)
	slots := int(a.limit)
	for _, r := range a.moving {
		if until := r.slotUntil(); !r.slotless && until.After(now) {
			slots--
			next = earlier(next, until)
		}
	}
	for ; slots > 0 && len(a.waiting) > 0; slots-- {
		first := a.waiting[0]
		a.admit(first, false, now)
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
