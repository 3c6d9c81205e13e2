package identity

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestRangesAreWhatWasPutInto(t *testing.T) {
	for seed := range uint64(50) {
		chance := rand.New(rand.NewPCG(seed, 1))
		var rs Ranges
		want := map[int]bool{}
		for range 60 {
			ordinal := chance.IntN(12)
			if chance.IntN(2) == 0 {
				rs, want[ordinal] = rs.With(ordinal), true
			} else {
				rs = rs.Without(ordinal)
				delete(want, ordinal)
			}
			text, err := rs.MarshalText()
			if err != nil {
				t.Fatal(err)
			}
			var read Ranges
			if err := read.UnmarshalText(text); err != nil || !slices.Equal(read, rs) {
				t.Fatalf("%v is %q as text, which is read as %v: %v", rs, text, read, err)
			}
			for ordinal := range 12 {
				if rs.Contains(ordinal) != want[ordinal] || slices.Contains(rs.All(), ordinal) != want[ordinal] {
					t.Fatalf("%v is to contain %d: %t", rs, ordinal, want[ordinal])
				}
			}
		}
	}
}

func TestRangesThatAreNoneAreRefused(t *testing.T) {
	for _, text := range []string{",", "a", "2-1", "0-2,1", "0-1,2", "5,3", "0-2000000000"} {
		var rs Ranges
		if err := rs.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, rs)
		}
	}
}
