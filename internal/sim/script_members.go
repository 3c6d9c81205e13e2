package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// What users do about which members a set has, and in what they differ.
const (
	reserve      What = "reserve ordinals of" // Text: which, and no others; "" for none
	removeMember What = "remove a member of"  // N: ordinal, which is reserved, and the set scaled down with that
	endLeaves    What = "take the leave from the policy of"
	setOverrides What = "override members of"   // Text: as in a policy; "" for no overrides
	admit        What = "admit a class of pods" // which the API server refuses until then
	seeOffAll    What = "delete all that leave of"
)

// addMembers adds to some scripts a policy that says which members a set has, how they leave,
// and in what they differ; and what its user does about that.
func (s *Script) addMembers(r *rand.Rand, sets []string) {
	if !s.has(r, AboutMembers, 3) {
		return
	}
	set := sets[r.IntN(len(sets))]
	s.End += time.Duration(r.IntN(300)) * time.Second
	s.Moves = append(s.Moves,
		Move{What: scale, Set: set, N: 1 + r.IntN(4), At: seconds(r, 30)},
		Move{What: writePolicy, Set: set, At: seconds(r, 60), Text: someMembers(r)},
	)
	for range 1 + r.IntN(3) {
		s.Moves = append(s.Moves, someMemberMoves(r, set, s.End)...)
	}
	if r.IntN(5) == 0 {
		s.Moves = append(s.Moves, Move{What: admit, At: time.Duration(r.Int64N(int64(s.End)))})
	}
	if r.IntN(3) == 0 {
		at := time.Duration(r.Int64N(int64(s.End)))
		s.Moves = append(s.Moves,
			Move{What: remove, Set: set, At: at, Text: []string{"Background", "Background", "Background", "Foreground", "Orphan"}[r.IntN(5)]},
			Move{What: create, Set: set, At: min(at+seconds(r, 120), s.End-1), N: r.IntN(5), Text: fmt.Sprint(r.Uint32()) + s.wordsOf(set)},
		)
	}
}

// wordsOf is what a set is made with besides a number, so that another one of its name has the
// same Service.
func (s *Script) wordsOf(set string) string {
	for _, m := range s.Moves {
		if _, words, has := strings.Cut(m.Text, " "); m.Set == set && (m.What == create || m.What == inherit) && has {
			return " " + words
		}
	}
	return ""
}

// someMemberMoves have members go, and then something happen to them before they have.
func someMemberMoves(r *rand.Rand, set string, end time.Duration) []Move {
	at := time.Duration(r.Int64N(int64(end)))
	after := func(seconds int) time.Duration {
		at = min(at+time.Duration(r.IntN(1000*seconds))*time.Millisecond, end-time.Millisecond)
		return at
	}
	var moves []Move
	add := func(what What, n int, text string) {
		moves = append(moves, Move{What: what, Set: set, At: after(30), N: n, Text: text})
	}
	switch n := r.IntN(4); r.IntN(8) {
	case 0, 1, 2:
		add(scale, n, "")
	case 3, 4:
		add(reserve, 0, someOrdinals(r))
	case 5:
		add(removeMember, n, "")
	case 6:
		add(setOverrides, 0, someOverrides(r))
		add(setOverrides, 0, someOverrides(r))
	case 7: // reserved and scaled at once, from another start
		add(reserve, 0, someOrdinals(r))
		moves = append(moves, Move{What: scale, Set: set, At: at, N: n})
		add(start, r.IntN(3), "")
		add(partition, r.IntN(4), "")
	}
	for range r.IntN(3) {
		n := r.IntN(5)
		switch what := memberMoves[r.IntN(len(memberMoves))]; what {
		case reserve:
			add(what, 0, []string{"", someOrdinals(r)}[r.IntN(2)])
		case setOverrides:
			add(what, 0, []string{"", someOverrides(r)}[r.IntN(2)])
		case writePolicy:
			add(what, 0, someMembers(r))
		case remove:
			add(what, 0, "Background")
		case roll:
			add(what, 0, []string{good, good, slow, crash, unready}[r.IntN(5)])
		case failOver:
			add(what, r.IntN(30), "")
		default:
			add(what, n, "")
		}
	}
	return moves
}

// memberMoves are what may happen while members leave.
var memberMoves = []What{
	scale, scale, scale, scale, reserve, reserve, autoscale, roll, roll, rollBack, restart, restart, failOver, pause,
	evict, restartPod, deletePod, cutOff, comeBack, powerOff, giveUp, removePolicy, endLeaves, writePolicy, setOverrides,
	remove, removeMember, seeOffAll, jump,
}

// someOrdinals are one or two of those that sets have here.
func someOrdinals(r *rand.Rand) string {
	switch first := r.IntN(4); r.IntN(4) {
	case 0:
		return fmt.Sprintf("%d,%d", first, first+1+r.IntN(2))
	case 1:
		return fmt.Sprintf("%d-%d", first, first+r.IntN(3))
	default:
		return fmt.Sprint(first)
	}
}

// someMembers is what a policy says of members, in words, and now and then of roll-outs, too.
func someMembers(r *rand.Rand) string {
	var words []string
	often := func(n int, format string, args ...any) {
		if r.IntN(n) == 0 {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	if r.IntN(4) == 0 {
		words = append(words, somePolicy(r))
	}
	often(3, "reserve=%s", someOrdinals(r))
	if r.IntN(3) > 0 {
		words = append(words, "leave="+[]string{"Self", "Self", "Self", "Peer", "After"}[r.IntN(5)])
		often(2, "leaveSeconds=%d", 5+r.IntN(200))
		often(3, "goOn")
		often(2, "cancel=%s", []string{"Self", "Self", "Peer"}[r.IntN(3)])
	}
	often(2, "Reverse")
	if r.IntN(3) == 0 {
		words = append(words, someOverrides(r))
	}
	if r.IntN(3) == 0 {
		words = append(words, "join")
		often(2, "joinSeconds=%d", 5+r.IntN(200))
		often(3, "joinOn")
	}
	return strings.Join(words, " ") + " "
}

// someOverrides are one or two overrides in words: for which ordinals, and what they say.
func someOverrides(r *rand.Rand) string {
	var words []string
	for range 1 + r.IntN(2) {
		what := []string{gold, gold, silver, silver, tuned, tuned, faulty, invalid, classy}[r.IntN(9)]
		words = append(words, fmt.Sprintf("override=%s:%s", someOrdinals(r), what))
	}
	return strings.Join(words, " ") + " "
}
