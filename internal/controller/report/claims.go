package report

import (
	"fmt"

	"ordinal.dev/ordinal/internal/plan"
)

// claimReasons are those of the events that tell how far a claim is. That one is asked is the
// event of the write, and that one cannot be changed a warning of the plan.
var claimReasons = map[plan.ClaimStage]string{
	plan.ClaimChanging:   "ClaimChanging",
	plan.ClaimFileSystem: "ClaimAwaitsFileSystem",
	plan.ClaimRestart:    "ClaimAwaitsRestart",
}

// stages counts claims by how far they are, nil for none.
func stages(claims []plan.ClaimProgress) map[plan.ClaimStage]int {
	var all map[plan.ClaimStage]int
	for _, c := range claims {
		if all == nil {
			all = map[plan.ClaimStage]int{}
		}
		all[c.Stage]++
	}
	return all
}

// tellOfClaims has events tell of claims that have got further since the last plan.
func (m *Memory) tellOfClaims(made *plan.Plan) {
	if len(made.Claims) == 0 && len(m.claims) == 0 {
		return
	}
	now := map[string]plan.ClaimStage{}
	for _, c := range made.Claims {
		now[c.Name] = c.Stage
		if reason, told := claimReasons[c.Stage]; told && m.claims[c.Name] != c.Stage {
			m.unrecorded = append(m.unrecorded, plan.Event{Reason: reason, Message: "Claim " + c.String(), Claim: c.Name})
		}
	}
	for _, name := range made.ClaimsDone {
		if _, was := m.claims[name]; was {
			m.unrecorded = append(m.unrecorded, plan.Event{Reason: "ClaimChanged", Message: fmt.Sprintf("Claim %s is as its template is wanted", name), Claim: name})
		}
	}
	m.claims = now
}
