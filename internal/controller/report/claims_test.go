package report

import (
	"slices"
	"testing"

	"ordinal.dev/ordinal/internal/plan"
)

func TestEachStageOfAClaimIsToldOnce(t *testing.T) {
	m := &Memory{}
	told := func(made plan.Plan) (reasons []string) {
		m.unrecorded = nil
		m.tellOfClaims(&made)
		for _, e := range m.unrecorded {
			reasons = append(reasons, e.Reason+" "+e.Claim)
		}
		return reasons
	}
	at := func(stage plan.ClaimStage) plan.Plan {
		return plan.Plan{Claims: []plan.ClaimProgress{{Name: "data-web-0", Stage: stage, Words: "is on its way"}}}
	}
	for i, step := range []struct {
		made plan.Plan
		want []string
	}{
		{plan.Plan{ClaimsDone: []string{"data-web-0"}}, nil}, // it was so before
		{at(plan.ClaimAsked), nil},                           // the write is told of
		{at(plan.ClaimChanging), []string{"ClaimChanging data-web-0"}},
		{at(plan.ClaimChanging), nil},
		{at(plan.ClaimFileSystem), []string{"ClaimAwaitsFileSystem data-web-0"}},
		{at(plan.ClaimRestart), []string{"ClaimAwaitsRestart data-web-0"}},
		{plan.Plan{ClaimsDone: []string{"data-web-0"}}, []string{"ClaimChanged data-web-0"}},
		{plan.Plan{ClaimsDone: []string{"data-web-0"}}, nil},
		{at(plan.ClaimChanging), []string{"ClaimChanging data-web-0"}},
		{plan.Plan{}, nil}, // nothing is asked of it any more
	} {
		if got := told(step.made); !slices.Equal(got, step.want) {
			t.Errorf("step %d: told %v, want %v", i, got, step.want)
		}
	}
}
