package plan

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/api/v1alpha1"
)

const (
	// evictAgain is how long to wait before a pod is evicted again that a budget holds.
	evictAgain = 5 * time.Second
	// evictPatience is for how long a budget may hold a roll-out before that is called
	// stalled, where the policy has no deadline.
	evictPatience = 10 * time.Minute
)

// An EvictionRefusal is what a PodDisruptionBudget said to the eviction of a pod.
type EvictionRefusal struct {
	UID     types.UID // of the pod
	Message string    // names the budget
	Since   time.Time // when it first said so to this pod
	At      time.Time // when it said so last
}

// replace plans that an available pod of an earlier revision is updated: where it is, if it
// can be, and otherwise by going. It returns false if nothing more is to go now.
func (p *planner) replace(m *member, why string) bool {
	if p.turn(m) > 0 {
		why += fmt.Sprintf("; it goes now as %s", p.whyLast(m))
	}
	if !p.hasHandedOver(m) {
		return false
	}
	begun, obstacle := p.updateInPlace(m, why)
	if obstacle != "" {
		why += "; it cannot be updated in place: " + obstacle
	}
	return begun || p.takeDown(m, why)
}

// takeDown plans that an available pod of an earlier revision goes: by eviction, if the
// policy says so, since that asks the PodDisruptionBudgets. It returns false if one of them
// is waited for.
func (p *planner) takeDown(m *member, why string) bool {
	if p.rollout.Disruption != v1alpha1.DisruptionEvict {
		p.removeInTurn(m, why)
		return true
	}
	if r := p.evictionRefused(m); r != nil { // said while it is tried again, too
		p.held = m
		p.plan.Waits = append(p.plan.Waits, Wait{For: m.name, State: "cannot be evicted: " + r.Message, Holds: "updating " + m.name})
		if left := r.At.Add(evictAgain).Sub(p.Now); left > 0 {
			p.lookAgain(left)
			return false
		}
	}
	p.removeInTurn(m, why)
	p.plan.Actions[m.action].Verb = Evict
	return true
}

// evictionRefused is what a budget said last to the eviction of a pod, nil if nothing.
func (p *planner) evictionRefused(m *member) *EvictionRefusal {
	if r := p.EvictionRefused; r != nil && m.pod != nil && r.UID == m.pod.UID {
		return r
	}
	return nil
}

// budgetStalls says that a budget has held a roll-out for too long, nil if none has.
func (p *planner) budgetStalls() *verdict {
	if p.held == nil {
		return nil
	}
	patience := evictPatience
	if p.rollout.ProgressDeadlineSeconds != nil {
		patience = p.deadline
	}
	if left := p.EvictionRefused.Since.Add(patience).Sub(p.Now); left > 0 {
		p.lookAgain(left)
		return nil
	}
	return &verdict{corev1.ConditionFalse, reasonBudget, fmt.Sprintf("%s could not be evicted for %s: %s", p.held.name, patience, p.EvictionRefused.Message)}
}
