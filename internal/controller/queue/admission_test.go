package queue

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/controller/timing"
)

func numbered(n int) []types.NamespacedName {
	sets := make([]types.NamespacedName, n)
	for i := range sets {
		sets[i] = types.NamespacedName{Namespace: "default", Name: fmt.Sprintf("set-%d", i)}
	}
	return sets
}

func fixed(limit int) *Admission {
	return NewAdmission(Limits{First: limit, Least: limit, Most: limit})
}

// Sets that never get done, and to which something happens all the time, hold the
// others up the longest.
func TestNobodyWaitsLongerThanThoseBeforeHoldTheirSlots(t *testing.T) {
	for _, wakes := range []bool{true, false} {
		const step = 10 * time.Millisecond
		sets, now := numbered(50), time.Unix(0, 0)
		asks := map[types.NamespacedName]time.Time{} // when each asks next
		const limit = 4
		q := fixed(limit)
		if wakes {
			q.wake = func(set types.NamespacedName) { asks[set] = now }
		}
		for _, set := range sets {
			asks[set] = now
		}
		began := map[types.NamespacedName]time.Duration{}
		var order []types.NamespacedName
		for ; len(began) < len(sets) && now.Before(time.Unix(100, 0)); now = now.Add(step) {
			for again := true; again; {
				again = false
				for _, set := range sets {
					if _, has := began[set]; has {
						q.touch(set, true, now)
						continue
					}
					if asks[set].After(now) {
						continue
					}
					wait := q.acquire(set, now)
					asks[set] = now.Add(wait)
					if wait == 0 {
						began[set], again = now.Sub(time.Unix(0, 0)), true
						order = append(order, set)
					}
				}
			}
		}
		if !slices.Equal(order, sets) {
			t.Errorf("woken: %t: they began in the order %v", wakes, order)
		}
		for i, set := range sets {
			if most := time.Duration((i+limit-1)/limit)*longestSlot + step; began[set] > most {
				t.Errorf("woken: %t: number %d began after %s, want at most %s", wakes, i, began[set], most)
			}
		}
	}
}

func TestASetAtRestLetsTheNextInLineBegin(t *testing.T) {
	sets, now := numbered(4), time.Unix(0, 0)
	var woken []types.NamespacedName
	q := fixed(1)
	q.wake = func(set types.NamespacedName) { woken = append(woken, set) }
	for i, set := range sets {
		if waits := q.acquire(set, now) > 0; waits != (i > 0) {
			t.Fatalf("%s waits: %t", set, waits)
		}
	}
	q.End(sets[1], now) // deleted while it waited
	q.End(sets[0], now)
	if want := sets[2:3]; !slices.Equal(woken, want) {
		t.Errorf("woken: %v, want %v", woken, want)
	}
	if q.acquire(sets[2], now.Add(time.Hour)) > 0 {
		t.Error("an admitted set waits again because it came late")
	}
}

func TestASetWhosePodsTakeTheirTimeKeepsNobodyWaiting(t *testing.T) {
	sets, now := numbered(2), time.Unix(0, 0)
	q := fixed(1)
	q.acquire(sets[0], now)
	if wait := q.acquire(sets[1], now); wait != longestSlot {
		t.Errorf("asked to wait for %s before anything had happened, want %s", wait, longestSlot)
	}
	now = now.Add(idleSlot / 2)
	q.touch(sets[0], true, now)
	if wait := q.acquire(sets[1], now); wait != idleSlot {
		t.Errorf("asked to wait for %s, want %s", wait, idleSlot)
	}
	if q.acquire(sets[1], now.Add(idleSlot/2)) == 0 {
		t.Error("begun although something has just happened to the one before")
	}
	if q.acquire(sets[1], now.Add(idleSlot)) > 0 {
		t.Error("still waiting for a set to which nothing happens")
	}
}

func TestAWokenSetKeepsItsPlaceUntilSomethingHasHappened(t *testing.T) {
	sets, now := numbered(3), time.Unix(0, 0)
	q := fixed(1)
	for _, set := range sets {
		q.acquire(set, now)
	}
	q.End(sets[0], now) // which wakes the next
	if wait := q.acquire(sets[1], now); wait > 0 {
		t.Errorf("woken, and to wait for %s", wait)
	}
	if wait := q.acquire(sets[2], now); wait != longestSlot {
		t.Errorf("asked to wait for %s, want %s: the one before has only come", wait, longestSlot)
	}
	q.touch(sets[1], true, now.Add(1))
	if wait := q.acquire(sets[2], now.Add(1)); wait != idleSlot {
		t.Errorf("asked to wait for %s, want %s", wait, idleSlot)
	}
}

func TestAsManySetsMoveAsAreDoneInTime(t *testing.T) {
	always := func(took time.Duration) func(float64) time.Duration {
		return func(float64) time.Duration { return took }
	}
	each := func(n float64) func(float64) time.Duration { // so many would take timing.StatusDelay
		return func(moving float64) time.Duration { return time.Duration(moving / n * float64(timing.StatusDelay)) }
	}
	for name, test := range map[string]struct {
		took        func(moving float64) time.Duration
		least, most float64
	}{
		"always easy":      {always(fastRollout), 64, 64},
		"neither":          {always(fastRollout + 1), 24, 24},
		"always hard":      {always(slowRollout), 16, 16},
		"longer with each": {each(32), 20, 28},
		"with many":        {each(64), 41, 55},
		"hard with fewest": {each(16), 16, 16},
	} {
		q, now := NewAdmission(Limits{First: 32, Least: 16, Most: 64}), time.Unix(0, 0)
		q.limit = 24
		for _, set := range numbered(2000) {
			q.acquire(set, now)
			q.End(set, now.Add(test.took(q.limit)))
		}
		if q.limit < test.least || q.limit > test.most {
			t.Errorf("%s: %g sets move at a time, want %g to %g", name, q.limit, test.least, test.most)
		}
	}
}

// A cluster does one thing after another, of which each set needs nine, and is busy
// with something else at first. Nothing happens to any set for long then, which is
// no reason to let more of them begin: each would take longer still.
func TestAClusterThatIsBehindIsNotGivenMore(t *testing.T) {
	const steps, step, tick = 9, 3 * time.Millisecond, 10 * time.Millisecond
	q, now, free := NewAdmission(Limits{First: 32, Least: 16, Most: 64}), time.Unix(0, 0), time.Unix(0, 0).Add(700*time.Millisecond)
	left := map[types.NamespacedName]int{}
	var work []types.NamespacedName // in the order in which the cluster does it
	most, line := 0, numbered(500)
	for len(left) < len(line) || len(work) > 0 {
		for _, set := range line {
			if _, begun := left[set]; !begun && q.acquire(set, now) == 0 {
				left[set] = steps
				work = append(work, set)
			}
		}
		for now = now.Add(tick); len(work) > 0 && !free.Add(step).After(now); work = work[1:] {
			free = free.Add(step)
			set := work[0]
			if left[set]--; left[set] == 0 {
				q.End(set, free)
				continue
			}
			q.touch(set, true, free)
			work = append(work, set)
		}
		most = max(most, len(q.moving))
	}
	if most > int(q.most) {
		t.Errorf("%d sets moved at a time, want no more than %g", most, q.most)
	}
}

// A dependency that comes and goes must not keep what mends it in line.
func TestSetsThatMoveWithoutASlotKeepNobodyWaiting(t *testing.T) {
	q, sets, now := NewAdmission(Limits{First: 32, Least: 16, Most: 64}), numbered(1000), time.Unix(0, 0)
	for _, set := range sets[1:] {
		q.touch(set, false, now)
	}
	limit := q.limit
	if wait := q.acquire(sets[0], now); wait != 0 {
		t.Errorf("a set waits for %s while pods of others come and go", wait)
	}
	for _, set := range sets[1:] {
		q.End(set, now.Add(time.Minute))
	}
	if q.limit != limit {
		t.Errorf("%g sets may move at a time, and not %g: how long others took says nothing of that", q.limit, limit)
	}
}

func TestASetThatMovesIsNotStoppedByItsNextGeneration(t *testing.T) {
	q, sets, now := fixed(1), numbered(10), time.Now()
	q.touch(sets[0], false, now)
	for _, set := range sets[1:] {
		q.acquire(set, now)
	}
	if wait := q.acquire(sets[0], now); wait != 0 {
		t.Errorf("it waits for %s", wait)
	}
}

func TestASetThatNeedsNoSlotLeavesTheLine(t *testing.T) {
	q, sets, now := fixed(1), numbered(3), time.Now()
	for _, set := range sets {
		q.acquire(set, now)
	}
	q.touch(sets[2], true, now)
	if !slices.Equal(q.waiting, sets[1:2]) || len(q.isWaiting) != 1 {
		t.Errorf("in line are %v, want %v", q.waiting, sets[1:2])
	}
}
