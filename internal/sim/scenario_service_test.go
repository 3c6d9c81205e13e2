package sim

import (
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func init() {
	maps.Copy(scenarios, serviceScenarios)
	for _, cascade := range []string{"Background", "Foreground"} {
		scenarios["a deleted set whose pods take their time (kubernetes#37093): "+cascade] = scenario{
			nodes: 2,
			moves: []Move{
				{At: second, What: create, Set: "web", N: 3, Text: "parallel"},
				{At: minute, What: cutOff, Set: "web", N: 0},
				{At: 2 * minute, What: remove, Set: "web", Text: cascade},
				{At: 6 * minute, What: comeBack, Set: "web", N: 0},
			},
			check: serviceGone("web"),
		}
	}
}

// serviceScenarios are about the names of pods.
var serviceScenarios = map[string]scenario{
	"two sets, one Service (prometheus-operator#149)": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 2, Text: "service=peers role version"},
			{At: 2 * second, What: create, Set: "db", N: 2, Text: "service=peers role version"},
			{At: minute, What: lodge, Set: "web", Text: "role"},
			{At: 2 * minute, What: roll, Set: "db", Text: "good"},
			{At: 4 * minute, What: remove, Set: "db", Text: "Background"},
		},
		check: serviceAtEnd("peers", true, "app", "shop"),
	},
	"two sets that have nothing in common, one Service": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 2, Text: "service=peers"},
			{At: 2 * second, What: create, Set: "db", N: 2, Text: "service=peers"},
			{At: minute, What: lodge, Set: "web", Text: "app"},
		},
		check: keptPromises,
	},
	"the user replaces the governing Service by force (kubectl#798)": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 2},
			{At: minute, What: replaceService, Set: "web"},
			{At: 2 * minute, What: replaceService, Set: "web", Text: "address"},
		},
		check: serviceAtEnd("web", false, "app", "web"),
	},
	"the user's Service comes right after the set (helm#9125)": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 2},
			{At: 4 * second, What: bringService, Set: "web", Text: "create address"},
		},
		check: serviceAtEnd("web", false, "app", "web"),
	},
	"the user applies over the governing Service, and deletes the set": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 2},
			{At: minute, What: bringService, Set: "web", Text: "server-side"},
			{At: 2 * minute, What: remove, Set: "web", Text: "Background"},
		},
		check: serviceAtEnd("web", false, "app", "web"),
	},
	"a controller that begins after a set has gone, and somebody deletes its Service": {
		nodes: 2,
		moves: []Move{
			{At: second, What: create, Set: "web", N: 3, Text: "parallel"},
			{At: minute, What: cutOff, Set: "web", N: 0},
			{At: 2 * minute, What: remove, Set: "web", Text: "Background"},
			{At: 3 * minute, What: restart, Set: "web"},
			{At: 4 * minute, What: deleteService, Set: "web"},
		},
		check: serviceAtEnd("web", true, "app", "web"),
	},
	"ports that change with a roll-out (aerospike-kubernetes-operator#250)": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 3, Text: "ports expressions version"},
			{At: minute, What: roll, Set: "web", Text: "slow"},
		},
		check: serviceAtEnd("web", true, "app", "web"),
	},
}

// serviceAtEnd checks that there is a Service at the end that is ours, or is not, and
// selects a label.
func serviceAtEnd(name string, ours bool, key, value string) func(*testing.T, *World) {
	return func(t *testing.T, w *World) {
		t.Helper()
		keptPromises(t, w)
		object, err := w.api.Get(services, keyOf(name))
		if err != nil {
			t.Fatal(err)
		}
		service := object.(*corev1.Service)
		if isOurs(service) != ours || service.Annotations[markAnnotation] != "" && !ours {
			t.Errorf("the Service is ours: %t; %v", isOurs(service), service.ObjectMeta)
		}
		if service.Spec.Selector[key] != value {
			t.Errorf("the Service selects %v", service.Spec.Selector)
		}
	}
}

// serviceGone checks that there is no Service at the end.
func serviceGone(name string) func(*testing.T, *World) {
	return func(t *testing.T, w *World) {
		t.Helper()
		keptPromises(t, w)
		if object, err := w.api.Get(services, keyOf(name)); err == nil {
			t.Errorf("the Service %s is still there, of %v", name, object.GetOwnerReferences())
		}
	}
}
