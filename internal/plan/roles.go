package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// role is what the application says that a pod is; empty for nothing.
func (p *planner) role(m *member) string {
	if p.policy == nil || p.policy.Spec.Role == nil || m.pod == nil {
		return ""
	}
	if key := p.policy.Spec.Role.Label; key != "" {
		return m.pod.Labels[key]
	}
	if r := p.lastRun(m, RoleHook); r != nil && r.OK {
		return r.Output
	}
	return ""
}

// knowsRoles reports whether every pod that serves has been asked for its role a moment ago,
// where roles are told by a command or a page, and a roll-out goes by them.
func (p *planner) knowsRoles(next *member) bool {
	if p.policy == nil || p.policy.Spec.Role == nil || p.policy.Spec.Role.Label != "" || len(p.rollout.Last) == 0 {
		return true
	}
	all := true
	for _, m := range p.replicas {
		if m.owned() && m.state >= Ready && !p.isAskedFor(m, "updating "+next.name, time.Time{}) {
			all = false
		}
	}
	return all
}

// isAskedFor reports whether a pod has been asked for its role since a time. It is asked
// otherwise, which what it holds up waits for.
func (p *planner) isAskedFor(m *member, holds string, since time.Time) bool {
	role := p.policy.Spec.Role
	c := HookCall{
		Name: RoleHook, Timeout: timeoutOf(role.TimeoutSeconds, roleTimeout),
		Exec: p.fillExec(role.Exec, m, ""), HTTPGet: p.fillHTTP(role.HTTPGet, m, ""),
	}
	if p.answer(m, c, since, p.whyAskedFor(m)) != nil {
		return true
	}
	p.wait(&member{name: m.name, words: "is asked for its role"}, holds)
	return false
}

func (p *planner) whyAskedFor(m *member) string {
	if !p.ordinals.Contains(m.ordinal) {
		return "a leader hands over before it goes for good"
	}
	return "a roll-out goes by roles, and they move"
}

// turn is the place of a pod's role in rollout.last, counted from 1; 0 for pods that go
// before all of those, since they have another role or none, or serve nobody.
func (p *planner) turn(m *member) int {
	if m.state < Ready {
		return 0
	}
	return slices.Index(p.rollout.Last, p.role(m)) + 1
}

// inTurn keeps of the pods to replace, highest ordinal first, those whose turn it is: pods
// of a later turn go when none of an earlier one is left, and every pod is available. Who has
// which role is looked at anew for each plan, so a leader that has moved is among the last
// wherever it is now, and more than one, or none, stops nothing.
func (p *planner) inTurn(due []*member) []*member {
	if len(p.rollout.Last) == 0 {
		return due
	}
	if len(due) == 0 {
		return nil
	}
	first := slices.MinFunc(due, func(a, b *member) int { return p.turn(a) - p.turn(b) })
	now := slices.DeleteFunc(slices.Clone(due), func(m *member) bool { return p.turn(m) != p.turn(first) })
	if blocker := p.firstUnavailable(); p.turn(first) > 0 && blocker != nil {
		p.wait(blocker, fmt.Sprintf("updating %s (%s)", now[0].name, p.whyLast(now[0])))
		return nil
	}
	return now
}

// whyLast says after what a pod with a role of rollout.last goes.
func (p *planner) whyLast(m *member) string {
	before := append([]string{"all others"}, p.rollout.Last[:p.turn(m)-1]...)
	return fmt.Sprintf("%s, after %s", p.role(m), strings.Join(before, " and "))
}

// servingCounts reports whether outdated pods that serve nobody go at once: with roles, and
// on the way back from a revision that has failed, whose pods may never become ready.
func (p *planner) servingCounts() bool { return len(p.rollout.Last) > 0 || p.target != p.update }

// servesNobody reports whether a pod cannot start, is starting, or runs and is not ready, and is not
// so for being updated in place.
func (p *planner) servesNobody(m *member) bool {
	return m.state >= Stuck && m.state <= Unready && !p.isMoving(m)
}
