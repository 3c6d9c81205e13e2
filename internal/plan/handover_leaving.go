package plan

import (
	"fmt"
	"time"
)

// hasHandedOverForGood reports whether a pod whose ordinal is not wanted may leave as far as
// hand-overs are concerned, by the same rules as in a roll-out. It hands over to one that stays,
// before it is asked to leave.
func (p *planner) hasHandedOverForGood(m *member) bool {
	if p.rollout.HandOver == nil || m.state != Available || p.isLeaving(m) || p.departures.now != nil {
		return true
	}
	if p.handsOverForGood(m) {
		return true
	}
	m.words = "is to hand over before it goes" // to what waits for it
	return false
}

func (p *planner) handsOverForGood(m *member) bool {
	t := transfer{from: m, to: p.heir(), round: p.leavingRound(), holds: "deleting " + m.name, before: "go for good"}
	role := p.policy.Spec.Role
	switch {
	case role != nil && role.Label == "" && !p.isAskedFor(m, t.holds, time.Time{}):
		return false
	case role != nil && p.turn(m) == 0:
		return true
	case t.to != nil && t.done() == nil && !p.areInSync(t.holds, func(*member) bool { return true }):
		return false
	}
	return p.transfers(t)
}

// leavingRound tells a hand-over of a pod that leaves from one for an earlier time at which its
// ordinal was not wanted: each has another specification of the set, or of its policy.
func (p *planner) leavingRound() string {
	return fmt.Sprintf("leaving-%d-%d", p.Set.Generation, p.policy.Generation)
}

// heir is the pod that is to take over from one that leaves: available, and the first by its
// ordinal of those that are not to be updated soon, or else of all; nil for none.
func (p *planner) heir() *member {
	if to := p.successor(nil); to != nil {
		return to
	}
	return p.peer(p.departed(-1), nil)
}
