package plan

import (
	"fmt"
	"maps"
	"time"
)

// The first replacement of a failed pod is immediate, as upstream's are. The
// pauses before further ones double from ten seconds to five minutes, as those
// of a crashing container do.
const (
	backOffBase = 10 * time.Second
	backOffMost = 5 * time.Minute
)

// replaceFinished deletes pods that ran to an end, whether they failed,
// succeeded, were evicted or were refused by their node. Nothing of them runs,
// so they need not wait for their turn. An ordinal whose pods fail again and
// again is retried ever more slowly, until a pod of it becomes available.
func (p *planner) replaceFinished() {
	p.plan.Failures = maps.Clone(p.Failures)
	maps.DeleteFunc(p.plan.Failures, func(ordinal int, _ Failure) bool { return !p.ordinals.Contains(ordinal) })
	for _, m := range p.replicas {
		if m.state == Available {
			delete(p.plan.Failures, m.ordinal)
		}
		if m.state == Finished && !p.holdBack(m) {
			p.remove(m, "it "+m.words)
			p.remember(m.ordinal)
		}
	}
	for _, m := range p.condemned {
		if m.state == Finished && !p.isToLeave(m) {
			p.remove(m, "it "+m.words+", and "+p.whyCondemned(m))
		}
	}
}

// holdBack reports whether the member's next pod is not due yet.
func (p *planner) holdBack(m *member) bool {
	if !p.enabled(BackOff) {
		return false
	}
	f := p.Failures[m.ordinal]
	left := f.Last.Add(backOff(f.Count)).Sub(p.Now)
	if left <= 0 { // as for an ordinal that never failed
		return false
	}
	m.words = fmt.Sprintf("%s; it has failed %d times, and is retried after %s", m.words, f.Count+1, backOff(f.Count))
	p.wait(m, "replacing "+m.name)
	p.plan.Events = append(p.plan.Events, Event{
		Warning: true, Reason: "BackOff", Pod: m.name,
		// The same each time, so that it is one event with a count.
		Message: fmt.Sprintf("Pod %s in StatefulSet %s ends again and again, and is replaced ever more slowly until it becomes available", m.name, p.Set.Name),
	})
	p.lookAgain(left)
	return true
}

func (p *planner) remember(ordinal int) {
	if p.plan.Failures == nil {
		p.plan.Failures = map[int]Failure{}
	}
	f := p.plan.Failures[ordinal]
	p.plan.Failures[ordinal] = Failure{Count: f.Count + 1, Last: p.Now}
}

// backOff is the pause after the given number of failures.
func backOff(failures int) time.Duration {
	pause := backOffBase
	for ; failures > 1 && pause < backOffMost; failures-- {
		pause *= 2
	}
	return min(pause, backOffMost)
}
