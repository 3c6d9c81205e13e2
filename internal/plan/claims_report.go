package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// ConditionClaims is True when every claim that is there is what its template is wanted to
// be. Only a set has it of whose claims something is asked beside its spec.
const ConditionClaims appsv1.StatefulSetConditionType = "ClaimsUpToDate"

// Reasons of the condition.
const (
	reasonClaimsDone     = "AllChanged"
	reasonClaimsChanging = "Changing"
	reasonClaimsFail     = "ClaimCannotChange"
)

// mostNamed is how many claims a condition names.
const mostNamed = 3

// reportClaims says in the condition how far claims are. A claim that grows is no failure,
// and one that cannot does not stall the set: its pods run.
func (p *planner) reportClaims() {
	if len(p.wanted) == 0 {
		p.dropClaims()
		return
	}
	p.warnOfClaims()
	failing := slices.DeleteFunc(slices.Clone(p.plan.Claims), func(c ClaimProgress) bool { return !c.fails() })
	switch {
	case len(failing) > 0:
		p.setCondition(ConditionClaims, verdict{corev1.ConditionFalse, reasonClaimsFail, named(failing)})
	case len(p.plan.Claims) > 0:
		words := named(p.plan.Claims)
		if p.claimsLeft > 0 {
			words += "; and then " + strconv.Itoa(p.claimsLeft) + " more"
		}
		p.setCondition(ConditionClaims, verdict{corev1.ConditionFalse, reasonClaimsChanging, words})
	case p.lateWords() != "":
		p.setCondition(ConditionClaims, verdict{corev1.ConditionFalse, reasonClaimsChanging, p.lateWords()})
	case len(p.plan.ClaimLooks) == 0:
		p.setCondition(ConditionClaims, verdict{corev1.ConditionTrue, reasonClaimsDone, p.doneWords()})
	}
}

func (p *planner) dropClaims() {
	p.plan.Status.Conditions = slices.DeleteFunc(p.plan.Status.Conditions, func(c appsv1.StatefulSetCondition) bool { return c.Type == ConditionClaims })
}

// warnOfClaims has an event tell of each claim that cannot be what is wanted.
func (p *planner) warnOfClaims() {
	for _, c := range p.plan.Claims {
		if c.fails() {
			p.plan.Events = append(p.plan.Events, Event{Warning: true, Reason: reasonClaimsFail, Message: "claim " + c.String(), Claim: c.Name})
		}
	}
}

// named says of the first claims how far they are, and how many more there are.
func named(claims []ClaimProgress) string {
	words := strings.Join(lines(claims[:min(mostNamed, len(claims))], ClaimProgress.String), "; ")
	if more := len(claims) - mostNamed; more > 0 {
		words += fmt.Sprintf("; and %d more", more)
	}
	return words
}

// doneWords say that all claims are as wanted, and which of them keep more than that.
func (p *planner) doneWords() string {
	words := "every claim is as its template is wanted"
	var kept []string
	for _, m := range p.replicas {
		for claim := range p.existingClaims(m.ordinal) {
			if mark := claimMarkOf(claim); mark.Kept != "" && p.isWanted(mark) {
				kept = append(kept, fmt.Sprintf("%s keeps its %s", claim.Name, mark.Kept))
			}
		}
	}
	if more := len(kept) - mostNamed; more > 0 {
		kept = append(kept[:mostNamed], fmt.Sprintf("%d more do", more))
	}
	if len(kept) > 0 {
		words += ", but claims never shrink: " + strings.Join(kept, ", ")
	}
	return words
}

func (p *planner) isWanted(mark claimMark) bool {
	return slices.ContainsFunc(p.wanted, func(w wantedClaim) bool { return w.hash == mark.Template })
}
