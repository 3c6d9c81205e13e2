package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// What users do about the claims of a set, and what becomes of these.
const (
	// Text: what an apply of other claim templates has recorded, see claimWords; "" ends it.
	recordClaims What = "record claim templates of"
	growClaim    What = "grow a claim by hand of" // N: ordinal. Text: the size
	loseVolume   What = "lose a volume of"        // N: ordinal. Text: the template
	wipeClaim    What = "delete the claim"        // N: ordinal. Text: the template
	setMood      What = "storage driver of"       // N: ordinal, anyOrdinal for all. Text: the mood
	refuseGrowth What = "class lets claims grow"  // N: 1 for not
)

// anyOrdinal stands for all of them.
const anyOrdinal = 5

// addClaims adds to some scripts a set whose claims have a size, which changes, and what comes
// in between.
func (s *Script) addClaims(r *rand.Rand, sets []string) {
	if !s.has(r, AboutClaims, 4) {
		return
	}
	set := sets[r.IntN(len(sets))]
	s.End += time.Duration(r.IntN(400)) * time.Second
	for i := range s.Moves {
		if m := &s.Moves[i]; m.Set == set && (m.What == create || m.What == inherit) {
			m.Text += " claims size=10"
		}
	}
	s.Moves = append(s.Moves, Move{What: scale, Set: set, N: 1 + r.IntN(4), At: seconds(r, 30)})
	lost := []string{"", "onLost=Recreate ", "onLost=Recreate ", "onLost=Recreate ", "onLost=Wait "}[r.IntN(5)]
	if r.IntN(2) == 0 {
		s.Moves = append(s.Moves, Move{What: writePolicy, Set: set, At: seconds(r, 60), Text: claimWords(r) + lost})
	}
	at := func() time.Duration { return time.Duration(r.Int64N(int64(s.End))) }
	add := func(m Move) { m.Set = set; s.Moves = append(s.Moves, m) }
	for range 1 + r.IntN(4) {
		add(someClaimChange(r, lost, at()))
	}
	for range r.IntN(4) {
		add(Move{What: setMood, N: r.IntN(anyOrdinal + 1), Text: string(moods[r.IntN(len(moods))]), At: at() / 2})
	}
	for range r.IntN(6) {
		add(someClaimMove(r, at()))
	}
	for range r.IntN(3) {
		for _, m := range someLoss(r, at(), s.End) {
			add(m)
		}
	}
	if r.IntN(4) == 0 {
		add(Move{What: refuseGrowth, N: 1, At: at() / 2})
	}
}

// someLoss loses a claim of a pod, and the pod, and now and then what else there is.
func someLoss(r *rand.Rand, at, end time.Duration) []Move {
	ordinal := r.IntN(3)
	after := func(seconds int) time.Duration {
		at = min(at+time.Duration(r.IntN(1000*seconds))*time.Millisecond, end-time.Millisecond)
		return at
	}
	moves := []Move{
		{What: []What{loseVolume, loseVolume, wipeClaim}[r.IntN(3)], N: ordinal, Text: []string{dataTemplate, dataTemplate, extraTemplate}[r.IntN(3)], At: at},
		{What: []What{deletePod, deletePod, evict}[r.IntN(3)], N: ordinal, At: after(5)},
	}
	if r.IntN(3) == 0 {
		next := []What{restart, failOver, deletePod, removePolicy, loseVolume, cutOff, recordClaims}[r.IntN(7)]
		moves = append(moves, Move{What: next, N: r.IntN(3), Text: map[What]string{loseVolume: dataTemplate}[next], At: after(30)})
	}
	return moves
}

// someClaimChange is another wish about claims, by a policy or by an apply.
func someClaimChange(r *rand.Rand, lost string, at time.Duration) Move {
	switch r.IntN(8) {
	case 0:
		return Move{What: recordClaims, At: at}
	case 1:
		return Move{What: removePolicy, At: at}
	case 2, 3:
		return Move{What: recordClaims, At: at, Text: fmt.Sprintf("size=%d ", someSize(r)) + claimWords(r)}
	}
	words := ""
	if r.IntN(2) == 0 {
		words = strings.ReplaceAll(somePolicy(r), "other ", "")
	}
	if r.IntN(5) > 0 {
		words += fmt.Sprintf("size=%d ", someSize(r))
	}
	return Move{What: writePolicy, At: at, Text: words + claimWords(r) + lost}
}

// claimWords say something of claims beside their size.
func claimWords(r *rand.Rand) string {
	words := ""
	often := func(n int, format string, args ...any) {
		if r.IntN(n) == 0 {
			words += fmt.Sprintf(format+" ", args...)
		}
	}
	often(5, "class=%s", []string{"gold", "silver"}[r.IntN(2)])
	often(4, "tag=%d", r.IntN(3))
	often(2, "extra=%d", someSize(r))
	return words
}

func someSize(r *rand.Rand) int { return []int{5, 10, 15, 20, 20, 30}[r.IntN(6)] }

// likelyOfClaims are the moves to choose from beside them.
var likelyOfClaims = []What{
	growClaim, growClaim, loseVolume, loseVolume, wipeClaim, wipeClaim, refuseGrowth, scale, scale, retention,
	roll, rollBack, deletePod, deletePod, evict, restart, restart, failOver, stopRollOut, goOn, cutOff, comeBack, restartPod,
}

func someClaimMove(r *rand.Rand, at time.Duration) Move {
	m := Move{What: likelyOfClaims[r.IntN(len(likelyOfClaims))], N: r.IntN(4), At: at}
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	switch m.What {
	case growClaim:
		m.Text = pick("12Gi", "18Gi", "22Gi", "40Gi")
	case loseVolume, wipeClaim:
		m.Text = pick("data", "data", "extra")
	case refuseGrowth:
		m.N %= 2
	case retention:
		m.Text = pick("Retain/Retain", "Retain/Delete", "Delete/Delete")
	case roll:
		m.Text = pick(good, good, slow, crash)
	}
	return m
}
