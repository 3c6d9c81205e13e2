package plan

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/api/v1alpha1"
)

// inSync reports whether all updated pods that are available are in sync, as they say
// themselves: only then another pod is taken down. What it waits for is said otherwise.
func (p *planner) inSync(next *member) bool {
	return p.areInSync("updating "+next.name, func(m *member) bool { return !p.outdated(m) })
}

// areInSync reports whether those of the pods that stay and are available are in sync that
// count.
func (p *planner) areInSync(holds string, counts func(*member) bool) bool {
	hook := p.rollout.InSync
	if hook == nil {
		return true
	}
	all := true
	for _, m := range p.replicas {
		if m.owned() && m.state == Available && counts(m) && !p.isInSync(m, hook) {
			p.wait(&member{name: m.name, words: p.syncWords(m)}, holds)
			all = false
		}
	}
	return all
}

// isInSync reports whether a pod says that it is in sync, or has not for so long that the
// policy goes on.
func (p *planner) isInSync(m *member, hook *v1alpha1.Hook) bool {
	timeout := timeoutOf(hook.TimeoutSeconds, inSyncTimeout)
	c := p.hookOf(InSyncHook, hook, m, "", min(timeout, oneQuestion))
	r := p.answer(m, c, time.Time{}, p.whyInSync(m))
	if r != nil && r.OK {
		return true
	}
	last := p.lastRun(m, InSyncHook)
	if last == nil || last.OK {
		return false
	}
	if left := last.Since.Add(timeout).Sub(p.Now); left > 0 {
		p.lookAgain(left)
		return false
	}
	if hook.OnFailure == v1alpha1.Continue {
		return true
	}
	p.block("NotInSync", fmt.Sprintf("%s has not been in sync for %s%s", m.name, timeout, last.said()))
	return false
}

func (p *planner) whyInSync(m *member) string {
	if !p.rollingOut() {
		return m.name + " is to be in sync before another pod hands over"
	}
	return m.name + " is updated, and is to be in sync before another pod goes"
}

func (p *planner) syncWords(m *member) string {
	last := p.lastRun(m, InSyncHook)
	if last == nil || last.OK || last.runs() && last.Output == "" {
		return "is asked whether it is in sync"
	}
	return "is not in sync" + last.said()
}

// block has the roll-out wait for a person: its condition and Stalled say so.
func (p *planner) block(reason, message string) {
	if p.blocked == nil {
		p.blocked = &verdict{corev1.ConditionFalse, reason, message}
	}
}
