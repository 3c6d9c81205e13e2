package plan

import (
	"fmt"
	"slices"
	"time"

	"ordinal.dev/ordinal/api/v1alpha1"
)

const (
	// JoinHook makes a member of an ordinal before its pod is created.
	JoinHook = "join"

	joinTimeout = 5 * time.Minute // where the policy does not say
)

func (p *planner) joinTimeout() time.Duration {
	return timeoutOf(p.joins.hook.TimeoutSeconds, joinTimeout)
}

// claimOrJoinInTheWay says why a claim or a join keeps an ordinal from having its pod yet; empty
// if neither does. Nobody joins before its claims could be used.
func (p *planner) claimOrJoinInTheWay(m *member) string {
	if why := p.claimInTheWay(m); why != "" {
		return why
	}
	return p.joinInTheWay(m)
}

// joinInTheWay says why an ordinal that is new cannot have its pod yet; empty if it can, as one
// that has joined, and one that comes back. Those that come back do not wait for it in their
// order: there may be no quorum without them that it could join.
func (p *planner) joinInTheWay(m *member) string {
	if p.joins.hook == nil {
		return ""
	}
	why := p.whyNotJoined(m)
	m.newcomer = why != ""
	return why
}

func (p *planner) whyNotJoined(m *member) string {
	switch e, joins := p.joins.was.Joining[m.ordinal]; {
	case !e.Joined.IsZero() || !joins && (!p.isNew(m) || p.founds(m)):
		return ""
	case !joins && p.isRebuilt(m):
		p.departures.are[m.ordinal] = departure{UID: standIn(m.name)}
		return "has lost its data, and is to be seen off before it joins"
	default:
		if other := p.newcomer(m); other != nil {
			return fmt.Sprintf("is new, and joins after %s, which %s", other.name, other.words)
		}
		return p.join(m, e)
	}
}

// newcomer is another ordinal that joins, or has and has not been available since, nil for none:
// each that comes up changes how many are a quorum.
func (p *planner) newcomer(m *member) *member {
	if p.joins.now != nil && p.joins.now != m {
		return p.joins.now
	}
	for ordinal := range p.joins.are.Joining {
		if ordinal == m.ordinal {
			continue
		}
		for _, other := range slices.Concat(p.replicas, p.condemned) {
			if other.ordinal == ordinal {
				return other
			}
		}
		return &member{ordinal: ordinal, name: p.departed(ordinal).name, words: "joins, too"}
	}
	return nil
}

// join has an ordinal join, and says what its pod waits for. That it has joined is noted first.
func (p *planner) join(m *member, e joining) string {
	j := &p.joins
	r := p.joinRun(m, e)
	in := p.joinsIn(m, r)
	switch goesOn := j.hook.OnFailure == v1alpha1.Continue; {
	case e.Since.IsZero() && in == nil && !goesOn:
		return "is new, and no pod is available in which it could join"
	case e.Since.IsZero():
		j.are.Joining[m.ordinal] = joining{Since: p.Now.UTC()}
		delete(p.departures.are, m.ordinal) // it was called back
		p.plan.Events = append(p.plan.Events, Event{Reason: "Joining", Message: m.name + " joins, because " + p.whyJoins(m), Pod: m.name})
		j.now = m
		return "is about to join"
	case r != nil && r.OK && !r.runs():
		e.Joined = r.Ended.UTC()
		j.are.Joining[m.ordinal], j.now = e, m
		return "has joined"
	case goesOn && p.isOver(e.Since, p.joinTimeout()):
		p.warn("JoinFailed", fmt.Sprintf("%s has not joined within %s%s, and the policy goes on", m.name, p.joinTimeout(), r.said()))
		e.Joined = p.Now.UTC()
		j.are.Joining[m.ordinal] = e
		return ""
	}
	j.now = m
	p.askToJoin(m, in, e, r)
	return p.joinWords(in, e, r)
}

// askToJoin asks a pod to have an ordinal join, unless that is under way, or was a moment ago.
func (p *planner) askToJoin(m, in *member, e joining, r *HookRun) {
	late := p.isOver(e.Since, p.joinTimeout())
	if late {
		message := fmt.Sprintf("%s has not joined within %s%s", m.name, p.joinTimeout(), r.said())
		p.block("JoinFailed", message)
		p.warn("JoinFailed", message)
	}
	if in == nil || r != nil && r.runs() && p.isThere(r) || p.isTooSoon(r, late) {
		return
	}
	hook := p.joins.hook
	c := HookCall{
		Name: JoinHook, Pod: in.pod, About: m.name, UID: standIn(m.name), Revision: e.round(),
		Exec: p.fillExec(hook.Exec, m, ""), HTTPGet: p.fillHTTP(hook.HTTPGet, m, ""), HTTPPost: p.fillHTTP(hook.HTTPPost, m, ""),
	}
	c.Timeout = p.leftOf(e.Since, p.joinTimeout())
	p.do(Action{Verb: RunHook, Object: in.pod, Hook: &c, Why: p.whyJoins(m)})
}

// joinWords say how far an ordinal is that joins.
func (p *planner) joinWords(in *member, e joining, r *HookRun) string {
	switch {
	case r != nil && r.runs() && p.isThere(r):
		return "has been joining since " + e.Since.Format(time.TimeOnly) + r.said()
	case in == nil:
		return "is joining, and no pod is available in which it could"
	case r == nil || r.runs():
		return "is joining"
	case r.NotYet:
		return "has not joined yet" + r.said()
	}
	return "could not join" + r.said()
}

func (p *planner) whyJoins(m *member) string {
	if p.joins.are.Members.Contains(m.ordinal) {
		return fmt.Sprintf("the claims of ordinal %d are gone, and its data with them", m.ordinal)
	}
	return fmt.Sprintf("ordinal %d is new", m.ordinal)
}

// joinRun is the last run of the hook for an ordinal that joins now.
func (p *planner) joinRun(m *member, e joining) *HookRun {
	for i := range p.HookRuns {
		if r := &p.HookRuns[i]; r.UID == standIn(m.name) && r.Name == JoinHook && r.Revision == e.round() {
			return r
		}
	}
	return nil
}

// round tells this join from an earlier one of the same ordinal.
func (e joining) round() string { return e.Since.UTC().Format(time.RFC3339Nano) }

// joinsIn is the pod that has an ordinal join, nil for none: one that stays, or else one that
// may only go when the newcomer is there.
func (p *planner) joinsIn(m *member, last *HookRun) *member {
	if in := p.peerOf(p.replicas, m, last); in != nil {
		return in
	}
	return p.peerOf(p.condemned, m, last)
}
