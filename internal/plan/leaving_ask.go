package plan

import (
	"fmt"
	"slices"
	"time"

	"ordinal.dev/ordinal/api/v1alpha1"
)

const (
	// LeaveHook has a pod that goes for good leave, CancelHook takes that back.
	LeaveHook  = "leave"
	CancelHook = "cancel"

	leaveTimeout = time.Hour // where the policy does not say
	// cancelTimeout is what one run of a cancel may take.
	cancelTimeout = 5 * time.Minute
	// askLater is how long to wait before a pod is asked again that has not left in time.
	askLater = time.Minute
)

func (p *planner) leaveTimeout() time.Duration {
	return timeoutOf(p.departures.hook.TimeoutSeconds, leaveTimeout)
}

// seeOff has a pod leave, or a peer see to it, and reports whether it may go: the policy goes
// on without its having left. That it has left is noted first.
func (p *planner) seeOff(m *member, d departure, holds string) bool {
	hook := p.departures.hook
	if !d.Left.IsZero() {
		return true
	}
	p.departures.now = m
	r := p.departureRun(LeaveHook, d)
	switch late := p.isOverdue(d); {
	case d.Since.IsZero():
		p.departures.are[m.ordinal] = departure{UID: d.UID, Since: p.Now.UTC()}
		p.plan.Events = append(p.plan.Events, Event{Reason: "Leaving", Message: m.name + " leaves for good, because " + p.whyLeaves(m), Pod: m.name})
		p.wait(&member{name: m.name, words: "is about to leave"}, holds)
	case r != nil && r.OK && !r.runs():
		p.noteLeft(m, d, r, holds)
	case late && hook.OnFailure == v1alpha1.Continue:
		p.warn("LeaveFailed", fmt.Sprintf("%s has not left within %s%s, and the policy goes on", m.name, p.leaveTimeout(), r.said()))
		d.Left = p.Now.UTC()
		p.departures.are[m.ordinal] = d
		return true
	default:
		p.askToLeave(m, d, r, holds)
		if late {
			message := fmt.Sprintf("%s has not left within %s%s", m.name, p.leaveTimeout(), r.said())
			p.block("LeaveFailed", message)
			p.warn("LeaveFailed", message)
		}
	}
	return false
}

// isOverdue reports whether a pod has not left in time, and looks again when it has not.
func (p *planner) isOverdue(d departure) bool { return p.isOver(d.Since, p.leaveTimeout()) }

// isOver reports whether the time for something is over that began then, if it has, and looks
// again when it is.
func (p *planner) isOver(since time.Time, timeout time.Duration) bool {
	left := since.Add(timeout).Sub(p.Now)
	if left > 0 && !since.IsZero() {
		p.lookAgain(left)
	}
	return left <= 0 && !since.IsZero()
}

// leftOf is what a run may take of the time for something that began then. When that is over,
// it has all of it again.
func (p *planner) leftOf(since time.Time, timeout time.Duration) time.Duration {
	if left := since.Add(timeout).Sub(p.Now); left > 0 {
		return max(left, oneQuestion)
	}
	return timeout
}

func (p *planner) noteLeft(m *member, d departure, r *HookRun, holds string) {
	d.Left = r.Ended.UTC()
	p.departures.are[m.ordinal] = d
	p.wait(&member{name: m.name, words: "has left"}, holds)
}

// askToLeave asks, unless that is under way, or was a moment ago; and says what it waits for.
func (p *planner) askToLeave(m *member, d departure, r *HookRun, holds string) {
	in, why := p.runsIn(&p.departures.hook.MemberAction, m, r)
	switch {
	case in == nil:
		p.wait(&member{name: m.name, words: "is to leave, and " + why}, holds)
		return
	case r != nil && r.runs() && p.isThere(r):
		p.wait(&member{name: m.name, words: "has been leaving since " + d.Since.Format(time.TimeOnly) + r.said()}, holds)
		return
	case r == nil || r.runs():
		p.wait(&member{name: m.name, words: "is asked to leave"}, holds)
	case r.NotYet:
		p.wait(&member{name: m.name, words: "has not left yet" + r.said()}, holds)
	default:
		p.wait(&member{name: m.name, words: "did not leave" + r.said()}, holds)
	}
	if p.isTooSoon(r, p.isOverdue(d)) {
		return
	}
	c := p.memberCall(LeaveHook, &p.departures.hook.MemberAction, m, in, d)
	c.Timeout = p.leftOf(d.Since, p.leaveTimeout())
	p.do(Action{Verb: RunHook, Object: in.pod, Hook: &c, Why: p.whyLeaves(m)})
}

func (p *planner) whyLeaves(m *member) string {
	switch {
	case p.Set.DeletionTimestamp != nil:
		return "the StatefulSet is being deleted"
	case p.ordinals.Contains(m.ordinal):
		return m.name + " is to have left before one of its name may come"
	}
	return p.whyCondemned(m)
}

// isTooSoon reports whether what ended last did so a moment ago: one that has not left yet is
// asked again soon, and one that fails ever more slowly.
func (p *planner) isTooSoon(r *HookRun, late bool) bool {
	if r == nil || r.runs() {
		return false
	}
	pause := askAgain
	if !r.NotYet {
		pause = min(max(backOffBase, r.Ended.Sub(r.Since)), backOffMost)
	}
	if late {
		pause = max(pause, askLater)
	}
	left := r.Ended.Add(pause).Sub(p.Now)
	if left > 0 {
		p.lookAgain(left)
	}
	return left > 0
}

// departureRun is the last run of a hook for a pod that leaves, in this departure of it.
func (p *planner) departureRun(name string, d departure) *HookRun {
	for i := range p.HookRuns {
		if r := &p.HookRuns[i]; r.UID == d.UID && r.Name == name && r.Revision == d.round() {
			return r
		}
	}
	return nil
}

// round tells a departure from an earlier one of the same pod that was cancelled.
func (d departure) round() string { return d.Since.UTC().Format(time.RFC3339Nano) }

// runsIn is the pod in which an action for a member is run, nil and the reason if there is none.
func (p *planner) runsIn(a *v1alpha1.MemberAction, m *member, last *HookRun) (in *member, why string) {
	if !a.InPeer() {
		if m.state < Unready {
			return nil, "cannot be asked: it " + m.words
		}
		return m, ""
	}
	if in = p.peer(m, last); in == nil {
		return nil, "no pod that stays is available to see to it"
	}
	return in, ""
}

// peer is an available pod that stays: the lowest, but the next one after that in which it
// failed last.
func (p *planner) peer(m *member, last *HookRun) *member { return p.peerOf(p.replicas, m, last) }

// peerOf is a peer that is one of these.
func (p *planner) peerOf(members []*member, m *member, last *HookRun) *member {
	var all []*member
	for _, other := range members {
		if other.ordinal != m.ordinal && other.owned() && other.state == Available && other.action < 0 && !p.isLeaving(other) {
			all = append(all, other)
		}
	}
	if len(all) == 0 {
		return nil
	}
	at := 0
	if last != nil && !last.NotYet {
		at = slices.IndexFunc(all, func(other *member) bool { return other.pod.UID == last.In }) + 1
	}
	return all[at%len(all)]
}

// isThere reports whether the pod in which a hook runs is still there.
func (p *planner) isThere(r *HookRun) bool {
	return slices.ContainsFunc(slices.Concat(p.replicas, p.condemned), func(m *member) bool { return m.owned() && m.pod.UID == r.In })
}

// memberCall is the call for what is run when a member goes, filled in.
func (p *planner) memberCall(name string, a *v1alpha1.MemberAction, m, in *member, d departure) HookCall {
	c := HookCall{
		Name: name, Pod: in.pod, About: m.name, UID: d.UID, Revision: d.round(),
		HTTPGet: p.fillHTTP(a.HTTPGet, m, ""), HTTPPost: p.fillHTTP(a.HTTPPost, m, ""), HTTPDelete: p.fillHTTP(a.HTTPDelete, m, ""),
	}
	if a.Exec != nil {
		c.Exec = p.fillExec(&a.Exec.ExecAction, m, "")
	}
	return c
}
