package sim

import (
	"flag"
	"slices"
	"strings"
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

// A history is the same each time that it is played: otherwise none could be looked into. In the
// first one pods of an earlier set are adopted, and the controller crashes before it has them all.
func TestAHistoryIsTheSameEachTime(t *testing.T) {
	scripts := []Script{Compose(22201, AboutPolicies)}
	for _, about := range Subjects {
		for seed := uint64(1); seed <= 20; seed++ {
			scripts = append(scripts, Compose(seed, about))
		}
	}
	for _, s := range scripts {
		first, again := strings.Split(Tell(s), "\n"), strings.Split(Tell(s), "\n")
		if slices.Equal(first, again) {
			continue
		}
		for i := range min(len(first), len(again)) {
			if first[i] != again[i] {
				t.Fatalf("seed %d about %s goes two ways:\n%s\n%s", s.Seed, s.About, first[i], again[i])
			}
		}
	}
}
