package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"ordinal.dev/ordinal/api/v1alpha1"
)

// HandedOverAnnotation on a pod says that it has handed over before it goes, and for the
// roll-out of which revision: it is not asked again.
const HandedOverAnnotation = "ordinal.dev/handed-over"

// A handOver is what the annotation says.
type handOver struct {
	Revision string    `json:"revision"`
	To       string    `json:"to"`
	Role     string    `json:"role,omitempty"` // that it had
	At       time.Time `json:"at"`
}

// A transfer is a hand-over that a pod is to make before it goes.
type transfer struct {
	from, to *member
	round    string // for what it is made: the revision that is rolled out, or leaving
	holds    string // what waits for it, such as "updating web-2"
	before   string // what is about to become of the pod, to follow "about to"
}

// hasHandedOver reports whether a pod may be updated as far as hand-overs are concerned: none
// is asked for, it has, or the policy goes on without. What it waits for is said otherwise.
func (p *planner) hasHandedOver(m *member) bool {
	if p.rollout.HandOver == nil {
		return true
	}
	return p.transfers(transfer{from: m, to: p.successor(m), round: p.goalOf(m), holds: "updating " + m.name, before: "be updated"})
}

// transfers reports whether nothing keeps a pod from going any more as far as a hand-over is
// concerned.
func (p *planner) transfers(t transfer) bool {
	hook, m := p.rollout.HandOver, t.from
	if m.state != Available || p.policy.Spec.Role != nil && p.turn(m) == 0 {
		return true
	}
	timeout := timeoutOf(hook.TimeoutSeconds, handOverTimeout)
	if done := t.done(); done != nil {
		return p.hasLostRole(t, done, timeout)
	}
	if t.to == nil {
		return true
	}
	p.handing = true
	switch r := p.runOf(m, HandOverHook, t.round); {
	case r == nil:
		p.askToHandOver(t, timeout)
	case r.runs():
		p.wait(&member{name: m.name, words: "has been handing over since " + r.Began.UTC().Format(time.TimeOnly)}, t.holds)
		if r.Since.Before(r.Began) { // it failed before, and may again
			p.blockHandOver(t, r)
		}
	case r.OK:
		p.noteHandOver(t, r.Ended)
	case hook.OnFailure == v1alpha1.Continue:
		return true
	default:
		p.handOverFailed(t, r, timeout)
	}
	return false
}

func (p *planner) askToHandOver(t transfer, timeout time.Duration) {
	m, why := t.from, "it is about to "+t.before
	if role := p.role(m); role != "" {
		why = fmt.Sprintf("it is %s and about to %s", role, t.before)
	}
	p.callHandOver(t, timeout, why+", and "+t.to.name+" is to take over")
	p.wait(&member{name: m.name, words: "is asked to hand over to " + t.to.name}, t.holds)
}

func (p *planner) callHandOver(t transfer, timeout time.Duration, why string) {
	p.callFor(t.from, t.round, p.hookOf(HandOverHook, p.rollout.HandOver, t.from, t.to.name, timeout), why)
}

// noteHandOver notes on the pod that it has handed over.
func (p *planner) noteHandOver(t transfer, at time.Time) {
	done := handOver{Revision: t.round, To: t.to.name, Role: p.role(t.from), At: at.UTC()}
	p.do(note(t.from.pod, HandedOverAnnotation, encoded(done), "it has handed over, and is not asked again"))
	p.wait(&member{name: t.from.name, words: "has handed over to " + t.to.name}, t.holds)
}

// handOverFailed says so, and tries again after a while.
func (p *planner) handOverFailed(t transfer, r *HookRun, timeout time.Duration) {
	p.blockHandOver(t, r)
	p.wait(&member{name: t.from.name, words: "did not hand over to " + t.to.name + r.said()}, t.holds)
	again := r.Ended.Add(min(max(backOffBase, r.Ended.Sub(r.Since)), backOffMost)) // ever more slowly
	if left := again.Sub(p.Now); left > 0 {
		p.lookAgain(left)
		return
	}
	p.callHandOver(t, timeout, "it did not hand over when it was asked last")
}

func (p *planner) blockHandOver(t transfer, r *HookRun) {
	p.block("HandOverFailed", fmt.Sprintf("%s did not hand over to %s%s", t.from.name, t.to.name, r.said()))
}

// done is what is noted on the pod of this hand-over, nil for nothing.
func (t *transfer) done() *handOver {
	done := &handOver{}
	if json.Unmarshal([]byte(t.from.pod.Annotations[HandedOverAnnotation]), done) != nil || done.Revision != t.round {
		return nil
	}
	return done
}

// hasLostRole reports whether a pod that has handed over may go: an old leader that still
// takes writes would lose them.
func (p *planner) hasLostRole(t transfer, done *handOver, timeout time.Duration) bool {
	if p.policy.Spec.Role == nil {
		return true
	}
	m, left := t.from, done.At.Add(timeout).Sub(p.Now)
	if left <= 0 && p.rollout.HandOver.OnFailure == v1alpha1.Continue {
		return true
	}
	p.handing = true
	if p.policy.Spec.Role.Label == "" && !p.isAskedFor(m, t.holds, later(done.At, p.Now.Add(-moveCheckEvery))) {
		return false
	}
	if done.Role != "" && p.role(m) != done.Role { // for another that goes last
		return true
	}
	p.wait(&member{name: m.name, words: fmt.Sprintf("has handed over to %s, and is still %s", done.To, p.role(m))}, t.holds)
	p.lookAgain(moveCheckEvery)
	if left > 0 {
		return false
	}
	p.block("RoleDidNotMove", fmt.Sprintf("%s has handed over to %s, and is still %s after %s", m.name, done.To, p.role(m), timeout))
	return false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// successor is the pod that is to take over: updated, available, and the first of them by its
// ordinal; nil for none. That all of them are in sync was asked before.
func (p *planner) successor(m *member) *member {
	i := slices.IndexFunc(p.replicas, func(other *member) bool {
		return other != m && other.owned() && other.state == Available && !p.outdated(other)
	})
	if i < 0 {
		return nil
	}
	return p.replicas[i]
}
