package sim

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func init() { maps.Copy(scenarios, policyScenarios) }

// policyScenarios are about roll-outs with policies.
var policyScenarios = map[string]scenario{
	"a bad revision goes back, and a second one meanwhile": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 3, Text: "claims"},
			{At: 2 * second, What: writePolicy, Set: "web", Text: "deadline=60 Revert"},
			{At: minute, What: roll, Set: "web", Text: unready},
			{At: minute + 69*second, What: roll, Set: "web", Text: crash},
		},
		check: runsBy(6*minute, "app:1-good app:1-good app:1-good"),
	},
	"a controller that is started again at every step of going back": {
		moves: inOrderOfTime([]Move{
			{At: second, What: create, Set: "web", N: 4, Text: "claims"},
			{At: 2 * second, What: writePolicy, Set: "web", Text: "deadline=60 Revert"},
			{At: minute, What: maxUnavailable, Set: "web", N: 2},
			{At: minute, What: roll, Set: "web", Text: unready},
		}, from(2*minute, every(3*second, minute, Move{What: restart, Set: "web"}))),
		check: runsBy(5*minute, "app:1-good app:1-good app:1-good app:1-good"),
	},
	"a roll-out that has failed, and is tried again": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 2, Text: "claims"},
			{At: 2 * second, What: writePolicy, Set: "web", Text: "deadline=5"},
			{At: minute, What: roll, Set: "web", Text: slow},
			{At: 4 * minute, What: removePolicy, Set: "web"},
		},
		check: settledBy(8 * minute),
	},
	"a leader that moves to the pod that was to go next": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 3, Text: "claims"},
			{At: 30 * second, What: lead, Set: "web", N: 0},
			{At: 30 * second, What: writePolicy, Set: "web", Text: "last=primary canary=1 look=20"},
			{At: minute, What: roll, Set: "web", Text: good},
			{At: 80 * second, What: lead, Set: "web", N: 1},
		},
		check: wentInOrder(4*minute, "web-2", "web-0", "web-1"),
	},
	"the leader goes last, by eviction, when the budget allows for it": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 3, Text: "parallel"},
			{At: 30 * second, What: lead, Set: "web", N: 2},
			{At: 30 * second, What: writePolicy, Set: "web", Text: "last=primary Evict"},
			{At: 40 * second, What: limit, Set: "web"},
			{At: minute, What: roll, Set: "web", Text: good},
			{At: 3 * minute, What: limit, Set: "web", N: 1},
		},
		check: wentInOrder(5*minute, "web-1", "web-0", "web-2"),
	},
	"a policy that is removed half way": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 3, Text: "claims"},
			{At: 30 * second, What: writePolicy, Set: "web", Text: "canary=1"},
			{At: minute, What: roll, Set: "web", Text: good},
			{At: 3 * minute, What: removePolicy, Set: "web"},
		},
		check: wentInOrder(5*minute, "web-2", "web-1", "web-0"),
	},
	"a policy that is removed when its set has gone back": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 2, Text: "parallel"},
			{At: 30 * second, What: writePolicy, Set: "web", Text: "deadline=60 Revert"},
			{At: minute, What: roll, Set: "web", Text: slow},
			{At: minute, What: minReady, Set: "web", N: 90},
			{At: 10 * minute, What: minReady, Set: "web", N: 0},
			{At: 11 * minute, What: removePolicy, Set: "web"},
		},
		check: settledBy(15 * minute),
	},
	"pods that are lost while a roll-out is paused": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 3, Text: "claims"},
			{At: 30 * second, What: writePolicy, Set: "web", Text: ""},
			{At: minute, What: roll, Set: "web", Text: good},
			{At: 64 * second, What: stopRollOut, Set: "web"},
			{At: 2 * minute, What: deletePod, Set: "web", N: 2},
			{At: 3 * minute, What: evict, Set: "web", N: 0},
		},
		check: runsBy(4*minute, "app:1-good app:1-good app:2-good"),
	},
}

// from puts moves off.
func from(start time.Duration, moves []Move) []Move {
	for i := range moves {
		moves[i].At += start
	}
	return moves
}

func inOrderOfTime(moves ...[]Move) []Move {
	all := slices.Concat(moves...)
	slices.SortStableFunc(all, func(a, b Move) int { return int(a.At - b.At) })
	return all
}

// runsBy checks what the pods run from a time on, by ordinal, and that all are available.
func runsBy(by time.Duration, want string) func(*testing.T, *World) {
	return func(t *testing.T, w *World) {
		t.Helper()
		keptPromises(t, w)
		var have []string
		v := w.judge.viewNow(w.set("web"))
		for i := range v.ordinals().All() {
			if pod := v.member(i); v.available(pod) {
				have = append(have, imageOf(&pod.Spec))
			}
		}
		if got := strings.Join(have, " "); got != want {
			t.Errorf("%s are available, want %s", got, want)
		}
		for _, e := range w.api.Log() {
			if e.Kind == pods && e.Time.Sub(epoch) > by {
				t.Errorf("after %s: %s", e.Time.Sub(epoch), describe(e))
			}
		}
	}
}

// wentInOrder is settledBy, and checks which pods were taken down, in which order.
func wentInOrder(by time.Duration, want ...string) func(*testing.T, *World) {
	return func(t *testing.T, w *World) {
		t.Helper()
		settledBy(by)(t, w)
		var went []string
		for _, e := range w.api.Log() {
			if _, ok := e.Object.(*corev1.Pod); ok && removal(e) {
				went = append(went, e.Object.GetName())
			}
		}
		if !slices.Equal(went, want) {
			t.Errorf("pods went in the order %v, want %v", went, want)
		}
	}
}
