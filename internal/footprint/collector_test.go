package footprint

import (
	"slices"
	"testing"
)

func TestTheCollectorIsTunedWhenWorkBeginsAndAfterARest(t *testing.T) {
	const little, much = atWork - 1, atWork
	pause := slices.Repeat([]uint64{little}, untilRest-1)
	var c collector
	got := map[int]change{}
	for second, bytes := range slices.Concat([]uint64{little, much, much}, pause, []uint64{much}, pause, []uint64{little, little}) {
		if change := c.next(bytes); change != steady {
			got[second] = change
		}
	}
	if want := 3 + 2*len(pause) + 1; len(got) != 2 || got[1] != toWork || got[want] != toRest {
		t.Errorf("changes by second: %v, want work in 1 and rest in %d", got, want)
	}
}

func TestAllocationsAreCounted(t *testing.T) {
	before := allocated()
	garbage := make([][]byte, 64)
	for i := range garbage {
		garbage[i] = make([]byte, 1<<20)
	}
	if grown := allocated() - before; grown < 64<<20 {
		t.Errorf("%d bytes were allocated, and %d counted", len(garbage)<<20, grown)
	}
}
