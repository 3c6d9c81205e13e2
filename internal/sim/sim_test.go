package sim

import (
	"flag"
	"testing"
)

var (
	seed  = flag.Uint64("seed", 0, "play only the history of this seed, and tell it")
	seeds = flag.Uint64("seeds", 1000, "how many histories to play")
)

// TestHistories plays the histories of a fixed set of seeds.
func TestHistories(t *testing.T) {
	if *seed != 0 {
		t.Log("\n" + Tell(Compose(*seed)))
		if r := Run(Compose(*seed)); r.Violation != nil {
			t.Fatalf("the shortest history found:\n%s", Tell(Shrink(r).Script))
		}
		return
	}
	var total Counts
	for s := uint64(1); s <= *seeds; s++ {
		r := Run(Compose(s))
		if r.Violation != nil {
			t.Fatalf("seed %d (go test ./internal/sim -seed %d):\n%s", s, s, Tell(Shrink(r).Script))
		}
		total.Events += r.Counts.Events
		total.Faults += r.Counts.Faults
		total.Writes += r.Counts.Writes
	}
	t.Logf("%d histories, %+v", *seeds, total)
}
