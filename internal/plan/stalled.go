package plan

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// ConditionStalled is True while only a person can help, and is not there otherwise.
// To kstatus, and with it to Flux and Helm, a set with it has failed, of whatever kind
// its other conditions are; so it is never set for what may pass.
const ConditionStalled appsv1.StatefulSetConditionType = "Stalled"

// reportStalled sets the condition, or removes it when it is over.
func (p *planner) reportStalled() {
	if v := p.stalled(); v != nil {
		v.status = corev1.ConditionTrue
		p.setCondition(ConditionStalled, *v)
		return
	}
	p.dropStalled()
}

func (p *planner) dropStalled() {
	p.plan.Status.Conditions = slices.DeleteFunc(p.plan.Status.Conditions, func(c appsv1.StatefulSetCondition) bool { return c.Type == ConditionStalled })
}

// stalled is why only a person can help, nil if that is not so.
func (p *planner) stalled() *verdict {
	switch {
	case !p.enabled(Conditions) || p.Set.DeletionTimestamp != nil:
		return nil
	case p.frozen != nil:
		v := *p.frozen
		return &v
	case p.Refused != nil && p.Refused.Final && !p.plan.AtRest():
		return &verdict{reason: p.Refused.Reason, message: p.Refused.Message}
	case p.missedDeadline():
		v := p.tooLate()
		return &v
	}
	if v := p.budgetStalls(); v != nil {
		return v
	}
	return p.blocked
}

// missedDeadline reports whether the progress deadline has passed, as far as the
// strategy has one: Recreate does while it recreates.
func (p *planner) missedDeadline() bool {
	if p.strategy != appsv1.RecreateStatefulSetStrategyType {
		return p.isLate()
	}
	c := findCondition(p.plan.Status.Conditions, appsv1.StatefulSetProgressing)
	return c != nil && c.Reason == reasonTooLate
}
