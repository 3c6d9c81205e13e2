package sim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// What users and nodes do about updates in place.
const (
	// Text: words of what changes in the template: an image by what it does, cpu=, note.
	retune What = "retune"
	// N: node. Text: what it makes of resizes, Deferred or Infeasible; it has room without.
	crowd What = "crowd"
	// Text: what the API server makes of resizes, see apiserver.Resizing.
	refuseResizes What = "refuse resizes"
)

// addInPlace adds to some scripts a policy that has the pods of a set updated in place, and
// roll-outs of what can be.
func (s *Script) addInPlace(r *rand.Rand, sets []string) {
	if !s.has(r, AboutInPlace, 4) {
		return
	}
	set := sets[r.IntN(len(sets))]
	s.End += time.Duration(r.IntN(300)) * time.Second
	s.Moves = append(s.Moves,
		Move{What: scale, Set: set, N: 1 + r.IntN(4), At: seconds(r, 30)},
		Move{What: retune, Set: set, Text: "cpu=100m", At: seconds(r, 10)},
		Move{What: writePolicy, Set: set, At: seconds(r, 60), Text: somePolicy(r) + someInPlace(r)},
	)
	at := func() time.Duration { return time.Duration(r.Int64N(int64(s.End))) }
	for range 2 + r.IntN(4) {
		s.Moves = append(s.Moves, someTuning(r, set, at(), s.End)...)
	}
	for range r.IntN(4) {
		s.Moves = append(s.Moves, Move{What: crowd, N: r.IntN(3), At: at(), Text: []string{"", "Deferred", "Deferred", "Infeasible"}[r.IntN(4)]})
	}
	if r.IntN(8) == 0 {
		s.Moves = append(s.Moves, Move{What: refuseResizes, At: at(), Text: []string{"forbidden", "unknown"}[r.IntN(2)]})
	}
	for range r.IntN(3) {
		what := []What{restartPod, restartPod, evict, restart, failOver, stopRollOut, goOn, rollBack, rollBack, writePolicy, removePolicy, cutOff, comeBack}[r.IntN(13)]
		m := Move{What: what, Set: set, N: r.IntN(4), At: at()}
		if what == writePolicy {
			m.Text = somePolicy(r) + someInPlace(r)
		}
		s.Moves = append(s.Moves, m)
	}
}

// someTuning is a change that pods take where they are, and now and then another one soon
// after it.
func someTuning(r *rand.Rand, set string, at, end time.Duration) []Move {
	var moves []Move
	for range 1 + r.IntN(4)/3 {
		words := ""
		for words == "" {
			if r.IntN(2) == 0 {
				words += []string{good, good, good, good, slow, crash, loop, unready, pull}[r.IntN(9)] + " "
			}
			if r.IntN(2) == 0 {
				words += fmt.Sprintf("cpu=%d00m ", 1+r.IntN(4))
			}
			if r.IntN(4) == 0 {
				words += "note "
			}
		}
		moves = append(moves, Move{What: retune, Set: set, At: at, N: r.IntN(5), Text: words})
		at = min(at+time.Duration(r.IntN(20_000))*time.Millisecond, end-time.Millisecond)
	}
	return moves
}

// someInPlace is what a policy says of updates in place, in words.
func someInPlace(r *rand.Rand) string {
	words := "inPlace=" + []string{"IfPossible", "IfPossible", "Only"}[r.IntN(3)] + " "
	if r.IntN(2) == 0 {
		words += fmt.Sprintf("patience=%d ", 1+r.IntN(60))
	}
	if r.IntN(4) == 0 {
		words += "holdInfeasible "
	}
	return words
}
