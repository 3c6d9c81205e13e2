package footprint

import (
	"slices"
	"testing"
)

func TestAPauseIsARestWhenItIsLong(t *testing.T) {
	const little, much = 9, 10
	pace := Pace{Busy: much, Calm: 3}
	c := collector{pace: pace}
	var got []state
	for _, bytes := range []uint64{little, much, much, little, little, much, little, little, little, little} {
		got = append(got, c.next(bytes))
	}
	want := []state{rest, work, work, work, work, work, work, work, toRest, rest}
	if !slices.Equal(got, want) {
		t.Errorf("second by second %v, want %v", got, want)
	}
}

func TestTheHeapOfWorkFitsItsBudgetAndMayDouble(t *testing.T) {
	p := Pace{AtRest: 50, AtWork: 1 << 30}
	for live, want := range map[uint64]int{
		256 << 20: 300,
		512 << 20: 100,
		2 << 30:   leastAtWork,
		1 << 20:   mostAtWork,
		0:         mostAtWork,
	} {
		if got := p.percentAtWork(live); got != want {
			t.Errorf("with %d MiB in use the heap may grow by %d%%, want %d%%", live>>20, got, want)
		}
	}
}

func TestAllocationsAreCounted(t *testing.T) {
	before := read(allocated)
	garbage := make([][]byte, 64)
	for i := range garbage {
		garbage[i] = make([]byte, 1<<20)
	}
	if grown := read(allocated) - before; grown < 64<<20 {
		t.Errorf("%d bytes were allocated, and %d counted", len(garbage)<<20, grown)
	}
}
