package sim

import (
	"flag"
	"testing"
)

var (
	seed  = flag.Uint64("seed", 0, "play only the history of this seed, and tell it")
	seeds = flag.Uint64("seeds", 1000, "how many histories to play")
	but   = flag.String("but", "", "a regular expression for the sentences of promises not to look at")
)

// compose makes the script of a seed, for the promises that are to be looked at.
func compose(seed uint64) Script {
	s := Compose(seed, "")
	s.Except = *but
	return s
}

// TestHistories plays the histories of a fixed set of seeds.
func TestHistories(t *testing.T) {
	if *seed != 0 {
		t.Log("\n" + Tell(compose(*seed)))
		if r := Run(compose(*seed)); r.Violation != nil {
			t.Fatalf("the shortest history found:\n%s", Tell(Shrink(r).Script))
		}
		return
	}
	var total Counts
	for s := uint64(1); s <= *seeds; s++ {
		r := Run(compose(s))
		if r.Violation != nil {
			t.Fatalf("seed %d (go test ./internal/sim -seed %d):\n%s", s, s, Tell(Shrink(r).Script))
		}
		total.Events += r.Counts.Events
		total.Faults += r.Counts.Faults
		total.Writes += r.Counts.Writes
	}
	t.Logf("%d histories, %+v", *seeds, total)
}
