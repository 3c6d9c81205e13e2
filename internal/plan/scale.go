package plan

import (
	"fmt"
	"slices"
)

// createMissing creates the pods of wanted ordinals that have none, with their
// claims. In order, a pod is created when every pod before it is available, or, if heal
// took it, when none before it is about to be; at most one is then created at a time.
func (p *planner) createMissing() {
	if p.recreating {
		return
	}
	if p.NamespaceEnds { // the API server refuses to create anything in it
		p.plan.Waits = append(p.plan.Waits, Wait{For: "namespace " + p.Set.Namespace, State: "is being deleted"})
		return
	}
	var blocker, coming, newcomer *member // the first that is not available, that is about to be, and that is to join
	for _, m := range p.replicas {
		switch {
		case m.state == Foreign:
			p.wait(m, "creating "+m.name)
		case m.state != Missing:
		case p.ordered && blocker != nil && !p.returns(m):
			p.wait(blocker, "creating "+m.name)
			return
		case p.ordered && coming != nil:
			p.waitForComing(coming, "creating "+m.name)
			return
		case p.ordered && newcomer != nil && p.isNew(m):
			p.wait(newcomer, "creating "+m.name)
			return
		default:
			p.createPod(m)
		}
		if newcomer == nil && m.newcomer {
			newcomer = m
		}
		if blocker == nil && m.state != Available && !m.newcomer {
			blocker = m
		}
		if coming == nil && (m.state == Ready || p.comes(m) > 0) {
			coming = m
		}
	}
}

// createPod plans one pod, unless something of the pod before it is still there.
func (p *planner) createPod(m *member) {
	why := p.departureInTheWay(m)
	if why == "" {
		why = p.claimOrJoinInTheWay(m)
	}
	if why != "" {
		m.words = why
		p.wait(m, "creating "+m.name)
		return
	}
	template, revision, err := p.templateFor(m.ordinal)
	if err != nil {
		p.warn("InvalidRevision", err.Error())
		m.words = "cannot be made: " + err.Error()
		p.wait(m, "creating "+m.name)
		return
	}
	pod := p.newPod(m, template, revision)
	if pod == nil {
		return
	}
	p.do(Action{
		Verb:   Create,
		Object: pod,
		Needs:  slices.Concat(p.missingClaims(m), p.claimOwners(m)),
		Why:    p.whyCreate(m) + p.withOverride(m, pod),
	})
	m.state, m.words = Starting, "is being created"
}

func (p *planner) whyCreate(m *member) string {
	why := fmt.Sprintf("ordinal %d has no pod", m.ordinal)
	before := p.firstUnavailable() // the pod itself, if none is before it
	switch {
	case !p.ordered || m == p.replicas[0]:
	case before != m:
		why += fmt.Sprintf(", and was there before: it does not wait for %s, which %s", before.name, before.words)
	default:
		why += ", and every pod before it is available"
	}
	if p.belowPartition(m.ordinal) && p.current.Name != p.update.Name {
		why += "; it is below the partition, so it comes back at the current revision"
	}
	return why
}

// scaleDown deletes the pods of ordinals that are not wanted. In order, they go
// one at a time from the highest, each when the one before is gone and all wanted
// pods are available.
func (p *planner) scaleDown() {
	for _, m := range p.condemned {
		if m.extra {
			continue
		}
		if m.state == Terminating || m.state == Adopting {
			p.wait(m, "scaling down to "+p.goal())
			if p.inTurnOnly(m) {
				return
			}
			continue
		}
		if blocker := p.keeps(m); blocker != nil {
			p.wait(blocker, "deleting "+m.name)
			if !p.ordered {
				continue
			}
			for _, c := range p.condemned { // one that still may start may turn out not to
				if left := p.mayStillStart(c); left > 0 && p.enabled(ScaleDownPast) {
					p.lookAgain(left)
				}
			}
			return
		}
		if !p.hasHandedOverForGood(m) || !p.mayGo(m) {
			return
		}
		p.remove(m, p.whyGone(m))
		if p.inTurnOnly(m) {
			return
		}
	}
}

// keeps returns the pod that a condemned pod whose turn has come must wait for, nil if
// it may go. One that cannot start neither waits nor is waited for: nothing runs in it
// (kubernetes#36333).
func (p *planner) keeps(m *member) *member {
	past := p.enabled(ScaleDownPast)
	switch {
	case !p.ordered:
		return p.keepsParallel(m)
	case past && p.cannotStart(m):
		return nil
	}
	if blocker := p.firstUnavailable(); blocker != nil {
		return blocker
	}
	if m.state == Available {
		return nil
	}
	// An unavailable pod does not go while a lower one is unavailable too: losing
	// both could cost the application its quorum.
	for i := len(p.condemned) - 1; p.condemned[i] != m; i-- {
		if lower := p.condemned[i]; !lower.extra && lower.state != Available && !(past && p.cannotStart(lower)) {
			return lower
		}
	}
	return nil
}
