package plan

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"

	"ordinal.dev/ordinal/internal/identity"
)

// reasonPaused is that of Progressing while the policy has the roll-out paused.
const reasonPaused = "Paused"

// standStill waits, in place of taking a pod down, while the roll-out is paused or has failed.
func (p *planner) standStill(next *member) {
	p.plan.Waits = append(p.plan.Waits, Wait{For: "the roll-out", State: p.still, Holds: "updating " + next.name})
}

// noteBorne remembers which revision each pod has, so that it comes back at that one if it
// is lost while the roll-out stands still.
func (p *planner) noteBorne() {
	if p.policy == nil || p.policy.Spec.Rollout == nil || !p.rollingOut() {
		return
	}
	p.plan.Bore = map[int]string{}
	for _, m := range p.replicas {
		switch {
		case m.owned():
			p.plan.Bore[m.ordinal] = identity.Revision(m.pod)
		case p.Bore[m.ordinal] != "":
			p.plan.Bore[m.ordinal] = p.Bore[m.ordinal]
		}
	}
}

// boreOrCurrent is the revision that the last pod of an ordinal had, and the current one
// where that is not known.
func (p *planner) boreOrCurrent(ordinal int) *appsv1.ControllerRevision {
	bore := p.Bore[ordinal]
	if bore == p.update.Name {
		return p.update
	}
	for _, r := range p.history {
		if r.Name == bore {
			return r
		}
	}
	return p.current
}

// strangerToHistory is an outdated pod whose revision is not known, where a pod of another
// ordinal would have to come back at it: the caches may be behind, and then the update
// revision is taken for the current one. It is nil where that does not matter.
func (p *planner) strangerToHistory(ordinal int) *member {
	if p.still == "" || p.current.Name != p.update.Name || p.Bore[ordinal] != "" || p.belowPartition(ordinal) {
		return nil
	}
	for _, m := range p.replicas {
		if m.owned() && p.isBehind(m) && !slices.ContainsFunc(p.history, func(r *appsv1.ControllerRevision) bool { return r.Name == identity.Revision(m.pod) }) {
			return m
		}
	}
	return nil
}
