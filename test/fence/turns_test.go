package fence

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/test/arena"
)

// Two controllers do not act at a time if, as far as the API server's record can tell,
//
//   - no write of the in-tree controller is stored while the fence is up;
//   - after the first that is stored, no write of Ordinal's is, but for what Ordinal had
//     begun within watchLatency, until the fence has been proven again: by probes of this
//     namespace that it refused, for proofTakes, all of them after the in-tree
//     controller's last write.
//
// The API server and the controller each learn by a watch that the fence is gone, and
// which of them does first cannot be said: watchLatency is how far apart they may be. The
// in-tree controller may write in it what the other one does too. Names and revisions are
// the same for both, so that one of two such writes fails.
const (
	watchLatency = time.Second
	proofTakes   = 9 * time.Second // of ten seconds, from a first probe to a last one
)

// A gap is when the fence is down.
type gap struct{ lost, restored time.Time }

// takeTurns returns what shows that the two controllers acted at a time in a namespace,
// and how late Ordinal's last write was after the first one of the in-tree controller.
func takeTurns(writes []arena.Write, namespace string, down gap) (breaches []string, late time.Duration) {
	writes = slices.Clone(writes)
	slices.SortStableFunc(writes, func(a, b arena.Write) int { return a.Received.Compare(b.Received) })
	var first, last time.Time // of the in-tree controller, since the last proof
	var probes []time.Time    // that were refused after the last of them
	for _, w := range writes {
		switch {
		case w.Namespace != namespace:
		case w.As == fence.Account:
			if w.Dry && w.Status == 403 {
				probes = append(probes, w.Received)
			}
		case w.User == arena.InTree && w.Stored():
			if w.Answered.Before(down.lost) || w.Received.After(down.restored.Add(watchLatency)) {
				breaches = append(breaches, fmt.Sprintf("behind the fence: %s", w))
			}
			if first.IsZero() {
				first = w.Answered
			}
			last, probes = w.Answered, nil
		case w.User == arena.Fenced && w.Stored() && !first.IsZero():
			if n := len(probes); n > 0 && probes[0].After(last) && probes[n-1].Sub(probes[0]) >= proofTakes {
				first = time.Time{}
				continue
			}
			after := w.Received.Sub(first)
			late = max(late, after)
			if after > watchLatency {
				breaches = append(breaches, fmt.Sprintf("%s after the in-tree controller wrote, and without a proof since: %s", after, w))
			}
		}
	}
	return breaches, late
}

func (a *act) mustTakeTurns(writes []arena.Write, down gap) {
	a.Helper()
	breaches, late := takeTurns(writes, a.Namespace, down)
	for _, b := range breaches {
		a.Error(b)
	}
	count := map[string]int{}
	for _, w := range writes {
		if w.Namespace == a.Namespace && w.As == "" {
			count[fmt.Sprintf("%s, stored: %t", w.User, w.Stored())]++
		}
	}
	if count[arena.InTree+", stored: true"] == 0 {
		a.Error("the in-tree controller has done nothing while the fence was down")
	}
	a.Logf("writes: %v; Ordinal's last one came %s after the in-tree controller's first", count, late)
}

// mustBeAlone expects no write of the in-tree controller to be stored, and some refused.
func (a *act) mustBeAlone(writes []arena.Write) {
	a.Helper()
	if stored, refused := ofInTree(writes, a.Namespace); len(stored) > 0 || refused == 0 {
		a.Errorf("behind the fence the in-tree controller was refused %d times, and did this: %v", refused, stored)
	} else {
		a.Logf("%d writes of the in-tree controller were refused", refused)
	}
}

// ofInTree are the in-tree controller's writes in a namespace.
func ofInTree(writes []arena.Write, namespace string) (stored []arena.Write, refused int) {
	for _, w := range writes {
		switch {
		case w.Namespace != namespace || w.User != arena.InTree:
		case w.Stored():
			stored = append(stored, w)
		default:
			refused++
		}
	}
	return stored, refused
}

// mustHaveRestarted expects every pod to have been deleted once for each roll-out, and
// made anew, whoever did it.
func (a *act) mustHaveRestarted(writes []arena.Write, rollOuts int) {
	a.Helper()
	did := map[string]int{}
	for _, w := range writes {
		if w.Stored() && w.Namespace == a.Namespace && w.Resource == "pods" {
			did[w.Verb+" "+w.Name]++
		}
	}
	for ordinal := range replicas {
		for _, verb := range []string{"delete", "create"} {
			if what := fmt.Sprintf("%s web-%d", verb, ordinal); did[what] != rollOuts {
				a.Errorf("%s: %d times in %d roll-outs", what, did[what], rollOuts)
			}
		}
	}
}

// TestTurnsAreTold tests the judge.
func TestTurnsAreTold(t *testing.T) {
	at := func(seconds float64) time.Time {
		return time.Unix(0, 0).Add(time.Duration(seconds * float64(time.Second)))
	}
	write := func(user string, seconds float64) arena.Write {
		return arena.Write{User: user, Namespace: "db", Verb: "create", Resource: "pods", Status: 201, Received: at(seconds), Answered: at(seconds + 0.01)}
	}
	probe := func(seconds float64) arena.Write {
		w := write(arena.Fenced, seconds)
		w.As, w.Dry, w.Status = fence.Account, true, 403
		return w
	}
	down := gap{at(10), at(20)}
	ours, theirs := func(s float64) arena.Write { return write(arena.Fenced, s) }, func(s float64) arena.Write { return write(arena.InTree, s) }
	for name, test := range map[string]struct {
		writes   []arena.Write
		breaches int
	}{
		"one after the other":         {[]arena.Write{ours(1), ours(9), theirs(11), theirs(12)}, 0},
		"within the watch's latency":  {[]arena.Write{theirs(11), ours(11.5)}, 0},
		"beyond it":                   {[]arena.Write{theirs(11), theirs(12), ours(12.5)}, 1},
		"before the fence went":       {[]arena.Write{theirs(9)}, 1},
		"when it was back":            {[]arena.Write{theirs(22)}, 1},
		"with a proof":                {[]arena.Write{theirs(11), probe(21), probe(25), probe(31), ours(31.1), ours(40)}, 0},
		"with too short a proof":      {[]arena.Write{theirs(11), probe(21), probe(25), ours(31.1)}, 1},
		"with a proof from before":    {[]arena.Write{theirs(11), probe(12), theirs(13), probe(22), ours(31.1)}, 1},
		"of another namespace, a lot": {[]arena.Write{{User: arena.InTree, Namespace: "else", Status: 200, Received: at(1), Answered: at(1)}}, 0},
	} {
		if breaches, _ := takeTurns(test.writes, "db", down); len(breaches) != test.breaches {
			t.Errorf("%s: %d breaches, want %d: %v", name, len(breaches), test.breaches, breaches)
		}
	}
}
