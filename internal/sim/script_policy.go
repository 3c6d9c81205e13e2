package sim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// What users do about the roll-outs of a set, and what becomes of its roles.
const (
	writePolicy  What = "write policy"  // Text: what it says, see policySpec; "other" for a second one
	removePolicy What = "remove policy" // Text: "other" for the second one
	stopRollOut  What = "pause the roll-out of"
	goOn         What = "resume the roll-out of"
	approve      What = "approve of the canary of"
	forgive      What = "remove the mark of failure from"
	condemn      What = "mark as failed by hand" // the update revision
	limit        What = "budget"                 // N pods of the set may be unavailable, says a PodDisruptionBudget
	unlimit      What = "remove the budget of"
	// N: an ordinal, which becomes the primary if it is ready; members keep their roles from
	// then on. Text: "unsteady" if others take over now and then.
	lead What = "lead"
)

// addPolicies adds to some scripts policies for a set, and roll-outs for them to be about.
// Such a history goes on for longer, since a roll-out needs its time to fail.
func (s *Script) addPolicies(r *rand.Rand, sets []string) {
	if !s.has(r, AboutPolicies, 3) {
		return
	}
	set := sets[r.IntN(len(sets))]
	s.End += time.Duration(r.IntN(300)) * time.Second
	if r.IntN(3) > 0 {
		s.Moves = append(s.Moves, Move{What: lead, Set: set, N: r.IntN(5), At: seconds(r, 60), Text: []string{"", unsteady}[r.IntN(2)]})
	}
	s.Moves = append(s.Moves, Move{What: scale, Set: set, N: 2 + r.IntN(3), At: seconds(r, 30)})
	s.Moves = append(s.Moves, Move{What: writePolicy, Set: set, At: seconds(r, 60), Text: somePolicy(r)})
	for range 1 + r.IntN(3) {
		s.Moves = append(s.Moves, someRollOut(r, set, s.End)...)
	}
	for range r.IntN(4) {
		s.Moves = append(s.Moves, somePolicyMove(r, set, time.Duration(r.Int64N(int64(s.End)))))
	}
	if s.Faults.Past == 0 && r.IntN(2) == 0 { // what has been said of a roll-out, who leads next may not have heard
		s.Faults.Past = seconds(r, 120)
	}
}

// someRollOut is a roll-out, and what its user does about it in its course.
func someRollOut(r *rand.Rand, set string, end time.Duration) []Move {
	at := time.Duration(r.Int64N(int64(end)))
	after := func(seconds int) time.Duration {
		at = min(at+time.Duration(r.IntN(1000*seconds))*time.Millisecond, end-time.Millisecond)
		return at
	}
	moves := []Move{{What: roll, Set: set, At: at, Text: []string{good, good, good, slow, crash, pull, unready, loop}[r.IntN(8)]}}
	add := func(m Move) { m.Set = set; moves = append(moves, m) }
	switch r.IntN(6) {
	case 0: // paused for a while, by whoever leads then
		add(Move{What: stopRollOut, At: after(12)})
		add(Move{What: []What{restart, failOver, deletePod, lead}[r.IntN(4)], At: after(10), N: r.IntN(5)})
		add(Move{What: goOn, At: after(120)})
	case 1: // approved of, when somebody has looked, or before
		add(Move{What: maxUnavailable, At: at, N: 1 + r.IntN(3)})
		add(Move{What: approve, At: after([]int{5, 120}[r.IntN(2)])})
	case 2: // a budget that allows for nothing, for a while
		add(Move{What: limit, At: after(5)})
		add(Move{What: roll, At: after(20), Text: good})
		add(Move{What: []What{unlimit, limit}[r.IntN(2)], At: after(120), N: 1})
	case 3: // another one when it fails, or is about to
		at += time.Minute
		add(Move{What: roll, At: after(240), Text: []string{good, slow, crash, unready}[r.IntN(4)]})
	case 4: // tried again
		at += 2 * time.Minute
		add(Move{What: []What{forgive, forgive, rollBack, removePolicy}[r.IntN(4)], At: after(180)})
		add(Move{What: []What{restart, lead, deletePod, scale}[r.IntN(4)], At: after(60), N: r.IntN(5)})
	case 5: // another one leads when it has failed, or somebody has said that it has
		switch r.IntN(2) {
		case 0:
			moves[0].Text = []string{crash, pull, unready, loop}[r.IntN(4)]
			at += time.Minute
			after(180)
		case 1:
			add(Move{What: condemn, At: after(15)})
		}
		add(Move{What: []What{restart, failOver}[r.IntN(2)], At: after(15), N: r.IntN(30)})
	}
	return moves
}

// likelyOfPolicies are the moves about policies to choose from.
var likelyOfPolicies = []What{
	writePolicy, writePolicy, removePolicy, removePolicy, stopRollOut, stopRollOut, goOn, goOn, goOn,
	approve, approve, forgive, condemn, limit, unlimit, lead, lead,
}

func somePolicyMove(r *rand.Rand, set string, at time.Duration) Move {
	m := Move{What: likelyOfPolicies[r.IntN(len(likelyOfPolicies))], Set: set, N: r.IntN(5), At: at}
	switch m.What {
	case writePolicy:
		m.Text = somePolicy(r)
	case removePolicy:
		m.Text = []string{"", "", "other"}[r.IntN(3)]
	case limit:
		m.N %= 2
	}
	return m
}

// somePolicy is a policy in words.
func somePolicy(r *rand.Rand) string {
	words := ""
	often := func(n int, format string, args ...any) {
		if r.IntN(n) == 0 {
			words += fmt.Sprintf(format+" ", args...)
		}
	}
	often(6, "other")
	often(6, "paused")
	if r.IntN(4) > 0 {
		words += fmt.Sprintf("deadline=%d ", 60+r.IntN(181))
		words += []string{"", "Hold ", "Revert ", "Revert "}[r.IntN(4)]
	}
	often(2, "last=%s", []string{primary, primary, primary + "," + replica, replica}[r.IntN(4)])
	if r.IntN(5) < 2 {
		words += fmt.Sprintf("canary=%d ", 1+r.IntN(2))
		often(2, "look=%d", 1+r.IntN(120))
	}
	often(2, "Evict")
	return words
}
