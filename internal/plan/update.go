package plan

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/override"
)

// recreateOutdated is the Recreate strategy (KEP-3541): all pods of earlier
// revisions go at once, and none is created until the last of them is gone.
func (p *planner) recreateOutdated() {
	if p.strategy != appsv1.RecreateStatefulSetStrategyType {
		return
	}
	if m := p.leavesFirst(); m != nil {
		p.recreating = true
		p.wait(&member{name: m.name, words: "is to leave before"}, "creating pods at the update revision")
		return
	}
	for _, m := range slices.Concat(p.replicas, p.condemned) {
		if m.state == Adopting && identity.Revision(m.pod) != p.target.Name {
			p.recreating = true // it is removed once it is the set's
			p.wait(m, "creating pods at the update revision")
			continue
		}
		if !p.isDue(m) {
			continue
		}
		p.recreating = true
		switch {
		case m.state == Terminating:
			p.wait(m, "creating pods at the update revision")
			continue
		case p.still != "":
			p.recreating = false
			p.standStill(m)
			return
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
	if p.still != "" {
		p.standStill(due[0])
		return
	}
	nobodyGoes := p.ordered && p.firstUnavailable() != nil || p.canaryHolds(due)
	if !nobodyGoes && (p.awaitsSurge(due[0]) || !p.knowsRoles(due[0]) || !p.inSync(due[0])) { // for what serves nobody it does not matter
		due = slices.DeleteFunc(due, func(m *member) bool { return m.state >= Ready })
	}
	if due = p.withinCanary(p.inTurn(due)); len(due) == 0 {
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
		if p.isDue(m) && m.state != Terminating && !p.isMoving(m) && !p.isLeaving(m) {
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
	for _, m := range p.condemned {
		if !m.extra {
			p.wait(m, "updating "+due[0].name)
			return
		}
	}
	for _, m := range due[:min(p.maxUnavailable, len(due))] {
		if !p.replace(m, p.whyOutdated(m)) {
			return
		}
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
			if !p.replace(m, p.whyOutdated(m)) {
				return
			}
		case blocker != nil:
			p.wait(blocker, "updating "+m.name)
			return
		}
	}
}

func (p *planner) whyOutdated(m *member) string {
	at := identity.Revision(m.pod)
	switch {
	case p.hasLeft(m) && m.moves.To == "":
		return fmt.Sprintf("its annotation %s cannot be read, and the update is to %s", InPlaceAnnotation, p.target.Name)
	case p.isMoving(m) && m.moves.To == override.BuildOf(m.pod):
		return fmt.Sprintf("it was on its way to another revision in place, and is to be as %s again", at)
	case p.hasLeft(m):
		return fmt.Sprintf("it was on its way to revision %s in place, and the update is to %s", m.moves.To, p.target.Name)
	case !p.isBehind(m) && !p.strays(m):
		return p.whyMadeAnew(m)
	case !p.isBehind(m) || p.belowPartition(m.ordinal):
		return p.whyOverride(m)
	case p.target.Name != p.update.Name:
		return fmt.Sprintf("it is at revision %s, and goes back to %s since %s has failed", at, p.target.Name, p.update.Name)
	}
	return fmt.Sprintf("it is at revision %s, and the update is to %s", at, p.target.Name)
}
