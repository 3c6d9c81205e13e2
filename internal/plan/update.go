package plan

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"

	"ordinal.dev/ordinal/internal/identity"
)

// recreateOutdated is the Recreate strategy (KEP-3541): all pods of earlier
// revisions go at once, and none is created until the last of them is gone.
func (p *planner) recreateOutdated() {
	if p.strategy != appsv1.RecreateStatefulSetStrategyType {
		return
	}
	for _, m := range slices.Concat(p.replicas, p.condemned) {
		if m.state == Adopting && identity.Revision(m.pod) != p.update.Name {
			p.recreating = true // it is removed once it is the set's
			p.wait(m, "creating pods at the update revision")
			continue
		}
		if !p.outdated(m) {
			continue
		}
		p.recreating = true
		if m.state == Terminating {
			p.wait(m, "creating pods at the update revision")
			continue
		}
		p.remove(m, p.whyOutdated(m))
	}
}

// rollOut deletes outdated pods, from the highest ordinal down to the partition,
// so that they come back at the update revision. No more than maxUnavailable
// pods are unavailable because of it.
func (p *planner) rollOut() {
	if p.strategy != appsv1.RollingUpdateStatefulSetStrategyType {
		return
	}
	due := p.dueForUpdate()
	if len(due) == 0 {
		return
	}
	if p.ordered {
		p.rollOutInOrder(due)
		return
	}
	p.rollOutInParallel(due)
}

// dueForUpdate lists the pods to replace, highest ordinal first.
func (p *planner) dueForUpdate() []*member {
	var due []*member
	for _, m := range slices.Backward(p.replicas) {
		if p.outdated(m) && m.state != Terminating && !p.belowPartition(m.ordinal) {
			due = append(due, m)
		}
	}
	return due
}

// rollOutInOrder starts a new batch only when every pod is there and available,
// and scaling down is over.
func (p *planner) rollOutInOrder(due []*member) {
	if blocker := p.firstUnavailable(); blocker != nil {
		if !p.heals() || !p.cannotStart(due[0]) { // heal has said what it waits for
			p.wait(blocker, "updating "+due[0].name)
		}
		return
	}
	if len(p.condemned) > 0 {
		p.wait(p.condemned[0], "updating "+due[0].name)
		return
	}
	for _, m := range due[:min(p.maxUnavailable, len(due))] {
		p.removeInTurn(m, p.whyOutdated(m))
	}
}

// rollOutInParallel first replaces what is unavailable already, which costs
// nothing, and then what the budget allows (kubernetes#137409).
func (p *planner) rollOutInParallel(due []*member) {
	budget := p.maxUnavailable - p.beyond
	var blocker *member
	for _, m := range p.replicas {
		if m.state != Available {
			budget--
			blocker = m
		}
	}
	for _, m := range due {
		if m.state != Available {
			p.remove(m, p.whyOutdated(m)+"; it is not available anyway")
		}
	}
	for _, m := range due {
		switch {
		case m.state != Available:
		case budget > 0:
			budget--
			p.removeInTurn(m, p.whyOutdated(m))
		case blocker != nil:
			p.wait(blocker, "updating "+m.name)
			return
		}
	}
}

func (p *planner) whyOutdated(m *member) string {
	return fmt.Sprintf("it is at revision %s, and the update is to %s", identity.Revision(m.pod), p.update.Name)
}
