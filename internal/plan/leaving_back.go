package plan

import (
	"fmt"
	"maps"
	"slices"

	"ordinal.dev/ordinal/api/v1alpha1"
)

// keepWanted sees to pods that were leaving and whose ordinals are wanted again. One that has
// left goes, and comes anew: what it has on its claims may be of no use to the others any more,
// as that of an etcd member that was removed. One that has not stays, once that is cancelled.
func (p *planner) keepWanted() {
	if p.departures.hook == nil {
		return
	}
	for _, ordinal := range slices.Sorted(maps.Keys(p.departures.was)) {
		d, m := p.departures.was[ordinal], p.replica(ordinal)
		switch {
		case m == nil || !m.owned() || m.state == Terminating:
		case !d.Left.IsZero() && m.pod.UID == d.UID:
			p.remove(m, "it has left, and is wanted again, so it comes anew")
		case d.Left.IsZero() && !d.Since.IsZero() && p.isToStay(m, d):
			p.departures.now = m
		default:
			delete(p.departures.are, ordinal)
		}
	}
}

// isToStay reports whether a pod still has to be told that it stays, or has left in the meantime
// after all. It says what is waited for.
func (p *planner) isToStay(m *member, d departure) bool {
	leave, hook := p.departureRun(LeaveHook, d), p.departures.hook
	runs := leave != nil && leave.runs() && p.isThere(leave)
	switch {
	case hook.When == v1alpha1.LeaveAfter:
		return false
	case leave != nil && !leave.runs() && leave.OK:
		p.noteLeft(m, d, leave, "replacing "+m.name)
		return true
	case hook.Cancel == nil && runs:
		p.wait(&member{name: m.name, words: "is wanted again, and its leave still runs"}, "keeping "+m.name)
		return true
	case hook.Cancel == nil:
		return false
	}
	return p.cancels(m, d, leave, runs)
}

// cancels reports whether a leave is still to be cancelled. It is so once more when the leave
// has ended after the cancel began: it may have undone what the cancel did.
func (p *planner) cancels(m *member, d departure, leave *HookRun, leaveRuns bool) bool {
	r := p.departureRun(CancelHook, d)
	if r != nil && !r.runs() && leave != nil && !leaveRuns && r.Began.Before(leave.Ended) {
		r = nil
	}
	in, why := p.tellsToStay(m, r)
	switch {
	case r != nil && !r.runs() && r.OK && leaveRuns:
		p.wait(&member{name: m.name, words: "is wanted again, and its leave still runs"}, "keeping "+m.name)
		return true
	case r != nil && !r.runs() && r.OK:
		return false
	case in == nil && why == "":
		return false
	case in == nil:
		p.wait(&member{name: m.name, words: "is wanted again, and " + why}, "keeping "+m.name)
		return true
	case r != nil && r.runs() && p.isThere(r):
		p.wait(&member{name: m.name, words: "is asked to stay"}, "keeping "+m.name)
		return true
	case r != nil && !r.runs() && r.NotYet:
		p.wait(&member{name: m.name, words: "does not stay yet" + r.said()}, "keeping "+m.name)
	case r != nil && !r.runs():
		p.wait(&member{name: m.name, words: "could not be asked to stay" + r.said()}, "keeping "+m.name)
		message := fmt.Sprintf("the leave of %s could not be cancelled%s", m.name, r.said())
		p.block("CancelFailed", message)
		p.warn("CancelFailed", message)
	default:
		p.wait(&member{name: m.name, words: "is asked to stay"}, "keeping "+m.name)
	}
	if !p.isTooSoon(r, false) {
		c := p.memberCall(CancelHook, &p.departures.hook.Cancel.MemberAction, m, in, d)
		c.Timeout = cancelTimeout
		p.do(Action{Verb: RunHook, Object: in.pod, Hook: &c, Why: m.name + " is wanted again before it has left"})
	}
	return true
}

// tellsToStay is the pod in which a cancel is run, nil and the reason if there is none, or no
// reason where nobody else is left who could be told. One that is about to leave itself will do:
// it may be all that there is, and does not go before this is done.
func (p *planner) tellsToStay(m *member, last *HookRun) (in *member, why string) {
	cancel := &p.departures.hook.Cancel.MemberAction
	if in, why = p.runsIn(cancel, m, last); in != nil || !cancel.InPeer() {
		return in, why
	}
	for _, other := range p.condemned {
		if other.owned() && other.state == Available && other.action < 0 && p.departures.was[other.ordinal].Left.IsZero() {
			return other, ""
		}
	}
	if p.ordinals.Count == 1 {
		return nil, ""
	}
	return nil, why
}
