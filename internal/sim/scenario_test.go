package sim

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// A scenario is a history that has hurt somebody. It is played without faults, and
// then with those of many seeds; every promise has to be kept each time.
type scenario struct {
	nodes int
	moves []Move
	// check is for the history without faults.
	check func(t *testing.T, w *World)
}

const second, minute = time.Second, time.Minute

var scenarios = map[string]scenario{
	"a faulty first revision and a quick fix (kubernetes#137409)": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 3, Text: "parallel pull"},
			{At: 8 * second, What: roll, Set: "web", Text: "good"},
		},
		check: settledBy(minute),
	},
	"a rollout that is stuck, and fixed (kubernetes#67250)": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 3, Text: "claims"},
			{At: minute, What: roll, Set: "web", Text: "crash"},
			{At: 2 * minute, What: roll, Set: "web", Text: "good"},
		},
		check: settledBy(3 * minute),
	},
	"an upgrade that must not roll (kubernetes#134773)": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 3, Text: "claims"},
			{At: minute, What: upgrade, Set: "web"},
		},
		check: noPodTouchedAfter(minute),
	},
	"a pod that is evicted again and again (kubernetes#89067)": {
		moves: append([]Move{{At: second, What: create, Set: "web", N: 1, Text: "unready"}}, every(5*second, 10*minute, Move{What: evict, Set: "web", N: 0})...),
		check: podsCreated(2, 12),
	},
	"a node lost, and declared out of service": {
		nodes: 2,
		moves: []Move{
			{At: second, What: create, Set: "web", N: 4, Text: "claims parallel"},
			{At: minute, What: powerOff, Set: "web", N: 0},
			{At: 8 * minute, What: giveUp, Set: "web", N: 0},
		},
		check: settledBy(9 * minute),
	},
	"a node lost, and back with its pods running": {
		nodes: 2,
		moves: []Move{
			{At: second, What: create, Set: "web", N: 4, Text: "claims parallel"},
			{At: minute, What: cutOff, Set: "web", N: 0},
			{At: 12 * minute, What: comeBack, Set: "web", N: 0},
		},
		check: settledBy(14 * minute),
	},
	"a set that the in-tree controller has left at rest": {
		moves: []Move{{At: second, What: inherit, Set: "web", N: 3, Text: "claims Delete/Delete"}},
		check: noPodTouchedAfter(second),
	},
	"a set that the in-tree controller has left half updated": {
		moves: []Move{{At: second, What: inherit, Set: "web", N: 3, Text: "claims half"}},
		check: podsCreated(5, 5),
	},
	"two leaders, and a roll-back that one of them hears of late": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 3},
			{At: minute, What: roll, Set: "web", Text: "good"},
			{At: 100 * second, What: failOver, Set: "web", N: 60},
			{At: 102 * second, What: rollBack, Set: "web"},
			{At: 104 * second, What: deletePod, Set: "web", N: 1},
		},
		check: settledBy(5 * minute),
	},
	"a namespace that is deleted in the middle of a rollout": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 3, Text: "claims"},
			{At: minute, What: roll, Set: "web", Text: "good"},
			{At: 62 * second, What: endNamespace, Set: "web"},
		},
		check: setGoneBy(2*minute, false),
	},
	"scaled down and up again during an update": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 4, Text: "claims Retain/Delete"},
			{At: minute, What: roll, Set: "web", Text: "good"},
			{At: 65 * second, What: scale, Set: "web", N: 2},
			{At: 68 * second, What: scale, Set: "web", N: 4},
		},
		check: settledBy(3 * minute),
	},
}

func init() {
	for _, cascade := range []string{"Background", "Foreground", "Orphan"} {
		scenarios["deletion in the middle of a rollout: "+cascade] = scenario{
			moves: []Move{
				{At: second, What: create, Set: "web", N: 3, Text: "claims Delete/Delete"},
				{At: minute, What: roll, Set: "web", Text: "good"},
				{At: 63 * second, What: scale, Set: "web", N: 2},
				{At: 64 * second, What: remove, Set: "web", Text: cascade},
			},
			check: setGoneBy(2*minute, cascade == "Orphan"),
		}
	}
	// The claim and its pod are deleted in every order, close together and far apart.
	for apart := -3 * second; apart <= 3*second; apart += 200 * time.Millisecond {
		scenarios[fmt.Sprintf("a claim deleted %s after its pod (kubernetes#74374, kubernetes#113139)", apart)] = scenario{
			moves: []Move{
				{At: second, What: create, Set: "web", N: 2, Text: "claims"},
				{At: minute, What: deletePod, Set: "web", N: 0},
				{At: minute + apart, What: deleteClaim, Set: "web", N: 0},
			},
			check: settledBy(2 * minute),
		}
	}
}

func TestScenarios(t *testing.T) {
	for name, s := range scenarios {
		t.Run(name, func(t *testing.T) {
			script := Script{Seed: 1, Except: *but, Nodes: max(1, s.nodes), Moves: s.moves, End: s.moves[len(s.moves)-1].At + 20*minute}
			w := newWorld(script, nil)
			w.run(script.End - second)
			s.check(t, w)
			if t.Failed() {
				t.Log(Tell(script))
			}
			for seed := range uint64(40) {
				script.Seed, script.Faults = seed, Compose(seed+1, "").Faults
				if r := Run(script); r.Violation != nil {
					t.Fatalf("with the faults of seed %d:\n%s", seed, Tell(Shrink(r).Script))
				}
			}
		})
	}
}

func keptPromises(t *testing.T, w *World) {
	t.Helper()
	if v := w.judge.broken; v != nil {
		t.Error(v)
	}
}

// every repeats a move.
func every(pause, until time.Duration, m Move) (all []Move) {
	for m.At = pause; m.At < until; m.At += pause {
		all = append(all, m)
	}
	return all
}

// settledBy checks that the set was what it should be from a time on: nothing was
// changed any more.
func settledBy(by time.Duration) func(*testing.T, *World) {
	return func(t *testing.T, w *World) {
		t.Helper()
		if v := w.judge.broken; v != nil {
			t.Error(v)
		}
		if words := w.judge.unsettled(w.set("web")); words != "" {
			t.Error(words)
		}
		log := w.api.Log()
		if last := log[len(log)-1]; last.Time.Sub(epoch) > by {
			t.Errorf("%s %s was still changed after %s", last.Kind, last.Object.GetName(), last.Time.Sub(epoch))
		}
	}
}

func noPodTouchedAfter(since time.Duration) func(*testing.T, *World) {
	return func(t *testing.T, w *World) {
		t.Helper()
		for _, e := range w.api.Log() {
			if e.Kind == pods && e.Time.Sub(epoch) > since {
				t.Errorf("after %s: %s", e.Time.Sub(epoch), describe(e))
			}
		}
	}
}

func podsCreated(least, most int) func(*testing.T, *World) {
	return func(t *testing.T, w *World) {
		t.Helper()
		n := 0
		for _, e := range w.api.Log() {
			if e.Kind == pods && e.Type == added {
				n++
			}
		}
		if n < least || n > most {
			t.Errorf("%d pods were created, want %d to %d", n, least, most)
		}
	}
}

// setGoneBy checks that the set went in time, and its pods with it unless they
// were to stay.
func setGoneBy(by time.Duration, podsStay bool) func(*testing.T, *World) {
	return func(t *testing.T, w *World) {
		t.Helper()
		if v := w.judge.broken; v != nil {
			t.Error(v)
		}
		if set := w.set("web"); set != nil {
			t.Errorf("the set is still there: %s", wants(set))
		}
		if left := len(w.api.List(pods, namespace)); (left > 0) != podsStay {
			t.Errorf("%d pods are left", left)
		}
		for _, e := range w.api.Log() {
			if _, isSet := e.Object.(*appsv1.StatefulSet); isSet && e.Type == deleted && e.Time.Sub(epoch) > by {
				t.Errorf("the set went only after %s", e.Time.Sub(epoch))
			}
			if claim, ok := e.Object.(*corev1.PersistentVolumeClaim); ok && e.Type == deleted && podsStay && claim.OwnerReferences[0].Kind != "Pod" {
				t.Errorf("claim %s was deleted", claim.Name)
			}
		}
	}
}
