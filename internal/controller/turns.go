package controller

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// longestTurn is how long a set that moves may keep others waiting. A cluster that
	// is behind takes longer than statusDelay for each, and would be further behind if
	// more of them began then.
	longestTurn = 3 * statusDelay
	// idleTurn is how long it may do so while nothing happens to it: its pods take
	// their time then, and others would not slow them down.
	idleTurn = 250 * time.Millisecond
	// easyTurn is how long a set takes at most when there is room for more.
	easyTurn = statusDelay * 13 / 20
	// hardTurn is how long a set takes at least when there are too many.
	hardTurn = statusDelay * 17 / 20
	// turnsMore and turnsFewer are by how many sets the limit changes while as many as
	// it says end. It falls faster: too many cost writes, too few a little time.
	turnsMore, turnsFewer = 4, 8
)

// turns lets sets begin with a new generation a few at a time. Begun all at once, a
// thousand sets would each take as long as all of them; one after the other, most
// are done within statusDelay of their beginning and have one status written.
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
// sleep, which is cheaper; but when sets take longer than statusDelay, each has more
// than one status written. So the limit follows how long they take.
type turns struct {
	limit       float64                    // of the sets that may keep others waiting
	least, most float64                    // what the limit may become
	wake        func(types.NamespacedName) // called for a set whose turn has come; may be nil

	mu     sync.Mutex
	moving map[types.NamespacedName]turn // sets that have begun, or may, and are not at rest since
	line   []types.NamespacedName        // sets that wait, the longest first
	waits  map[types.NamespacedName]bool // whether a set is in line
}

// newTurns makes turns for a controller that works on so many sets at a time.
func newTurns(workers int) turns {
	n := float64(workers)
	return turns{
		limit: 2 * n, least: n, most: 4 * n,
		moving: map[types.NamespacedName]turn{}, waits: map[types.NamespacedName]bool{},
	}
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
func (t *turns) take(set types.NamespacedName, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stirLocked(set, now) {
		return 0
	}
	if !t.waits[set] {
		t.line = append(t.line, set)
		t.waits[set] = true
	}
	next := t.advance(now, set)
	if t.stirLocked(set, now) {
		return 0
	}
	if place := slices.Index(t.line, set); place >= int(t.limit) {
		return time.Duration(place/int(t.limit)) * longestTurn
	}
	return next.Sub(now)
}

// keep notes that something happens to a set that moves without having asked for its
// turn. If it has no new generation, it keeps nobody waiting.
func (t *turns) keep(set types.NamespacedName, isNew bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.stirLocked(set, now) {
		t.begin(set, !isNew, now)
		t.stirLocked(set, now)
	}
}

// stir notes that something happens to a set that may be in line.
func (t *turns) stir(set types.NamespacedName, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stirLocked(set, now)
}

// stirLocked is stir, and reports whether the set may move. When it comes to begin,
// nothing has happened to it yet.
func (t *turns) stirLocked(set types.NamespacedName, now time.Time) bool {
	turn, has := t.moving[set]
	if !has {
		return false
	}
	if turn.active.IsZero() {
		turn.active = turn.began
	} else {
		turn.active = now
	}
	t.moving[set] = turn
	return true
}

func (t *turns) begin(set types.NamespacedName, free bool, now time.Time) {
	t.leave(set)
	t.moving[set] = turn{free: free, began: now}
}

// leave takes a set out of the line.
func (t *turns) leave(set types.NamespacedName) {
	if t.waits[set] {
		delete(t.waits, set)
		i := slices.Index(t.line, set)
		t.line = slices.Delete(t.line, i, i+1)
	}
}

// end notes that a set is at rest, or gone.
func (t *turns) end(set types.NamespacedName, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if turn, has := t.moving[set]; has {
		if !turn.free {
			t.fit(now.Sub(turn.began))
		}
		delete(t.moving, set)
	}
	t.leave(set)
	t.advance(now, set)
}

// fit lets more sets move at a time, or fewer, by how long one took.
func (t *turns) fit(took time.Duration) {
	switch {
	case took <= easyTurn:
		t.limit = min(t.limit+turnsMore/t.limit, t.most)
	case took >= hardTurn:
		t.limit = max(t.limit-turnsFewer/t.limit, t.least)
	}
}

// advance lets those begin who are first in line, as far as there is room, and
// wakes them, except for the one that asks. It returns when there is room again at
// the latest.
func (t *turns) advance(now time.Time, asks types.NamespacedName) (next time.Time) {
	if len(t.line) == 0 {
		return now
	}
	next = now.Add(longestTurn)
	room := int(t.limit)
	for _, turn := range t.moving {
		if over := turn.over(); !turn.free && over.After(now) {
			room--
			next = earlier(next, over)
		}
	}
	for ; room > 0 && len(t.line) > 0; room-- {
		first := t.line[0]
		t.begin(first, false, now)
		if first != asks && t.wake != nil {
			t.wake(first)
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
