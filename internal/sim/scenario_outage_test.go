package sim

import "maps"

func init() { maps.Copy(scenarios, outageScenarios) }

// outageScenarios are about pods that do not start, and sets none of whose pods run.
var outageScenarios = map[string]scenario{
	"a total outage, and members that wait for each other": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 3, Text: "fragile"},
			{At: minute, What: restartAll, Set: "web"},
			{At: 2 * minute, What: roll, Set: "web", Text: "quorum"},
		},
		check: settledBy(5 * minute),
	},
	"a total outage in parallel, and members that wait for each other": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 3, Text: "parallel fragile"},
			{At: minute, What: powerCut, Set: "web", N: 5},
			{At: 2 * minute, What: roll, Set: "web", Text: "quorum"},
		},
		check: settledBy(5 * minute),
	},
	"a Secret that is missing, and a fix without it (kubernetes#78709)": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 3, Text: "claims"},
			{At: minute, What: roll, Set: "web", Text: "mountless"},
			{At: 2 * minute, What: roll, Set: "web", Text: "good"},
		},
		check: settledBy(4 * minute),
	},
	"pods that no scheduler takes, and a fix": {
		moves: []Move{
			{At: second, What: create, Set: "web", N: 2, Text: "unseen"},
			{At: minute, What: roll, Set: "web", Text: "good"},
		},
		check: settledBy(3 * minute),
	},
	"pods without time to stop": {
		nodes: 3,
		moves: []Move{
			{At: second, What: create, Set: "web", N: 3, Text: "abrupt"},
			{At: minute, What: roll, Set: "web", Text: "good"},
		},
		check: settledBy(2 * minute),
	},
}
