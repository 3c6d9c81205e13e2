package plan

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// ApprovedAnnotation on a ControllerRevision lets its roll-out go on after the canary. Its
// value is the number of the revision: another roll-out of the same template takes an
// approval of its own.
const ApprovedAnnotation = "ordinal.dev/approved"

// Reasons of Progressing while a roll-out waits after its canary.
const (
	reasonCanaryHold     = "CanaryHold"
	reasonCanaryApproval = "CanaryAwaitsApproval"
)

// withinCanary keeps of the pods to replace those that the canary lets go now. Pods that
// serve nobody are not counted: nobody looks at how they do. On the way back from a revision
// that has failed there is no canary.
func (p *planner) withinCanary(due []*member) []*member {
	if p.rollout.Canary == nil || p.target != p.update {
		return due
	}
	arrived := p.updatedAndAvailable()
	left := int(p.rollout.Canary.Pods) - p.taken()
	if p.canaryIsOver(arrived) {
		left = len(due)
	}
	var now, later []*member
	for _, m := range due {
		switch {
		case m.state < Ready || !p.isBehind(m): // nor are new overrides part of it
			now = append(now, m)
		case left > 0:
			now = append(now, m)
			left--
		default:
			later = append(later, m)
		}
	}
	if len(now) == 0 && len(later) > 0 {
		p.awaitCanary(arrived, later[0])
	}
	return now
}

// canaryHolds reports whether the canary lets none of the pods go that serve: whether they
// might is not asked then.
func (p *planner) canaryHolds(due []*member) bool {
	if p.rollout.Canary == nil || p.target != p.update || p.taken() < int(p.rollout.Canary.Pods) || p.canaryIsOver(p.updatedAndAvailable()) {
		return false
	}
	return !slices.ContainsFunc(due, func(m *member) bool { return m.state >= Ready && !p.isBehind(m) })
}

// taken is how many ordinals have no pod of an earlier revision any more, or soon none.
func (p *planner) taken() int {
	n := p.beyond
	for _, m := range p.replicas {
		if !p.belowPartition(m.ordinal) && (!m.owned() || !p.isBehind(m) || m.state == Terminating) {
			n++
		}
	}
	return n
}

// updatedAndAvailable are the times since when updated pods are available, the earliest first.
func (p *planner) updatedAndAvailable() []time.Time {
	var since []time.Time
	for _, m := range p.replicas {
		if m.state == Available && !p.isBehind(m) {
			since = append(since, readyCondition(m.pod).LastTransitionTime.Add(p.minReady))
		}
	}
	slices.SortFunc(since, time.Time.Compare)
	return since
}

// canaryIsOver reports whether enough updated pods have been available for long enough, or
// somebody has approved of them.
func (p *planner) canaryIsOver(arrived []time.Time) bool {
	canary := p.rollout.Canary
	if len(arrived) < int(canary.Pods) {
		return false
	}
	if canary.HoldSeconds == nil {
		return p.update.Annotations[ApprovedAnnotation] == strconv.FormatInt(p.update.Revision, 10)
	}
	return p.canaryLeft(arrived) <= 0
}

// canaryLeft is for how much longer the updated pods are to be looked at.
func (p *planner) canaryLeft(arrived []time.Time) time.Duration {
	canary := p.rollout.Canary
	return arrived[canary.Pods-1].Add(inSeconds(*canary.HoldSeconds)).Sub(p.Now)
}

// awaitCanary says what a pod waits for that goes after the canary.
func (p *planner) awaitCanary(arrived []time.Time, next *member) {
	canary := p.rollout.Canary
	w := Wait{For: "the canary", Holds: "updating " + next.name}
	switch {
	case len(arrived) < int(canary.Pods):
		if blocker := p.firstUnavailable(); blocker != nil {
			p.wait(blocker, w.Holds+", after the canary")
		}
		return
	case canary.HoldSeconds == nil:
		p.pause = reasonCanaryApproval
		w.State = fmt.Sprintf("of %s awaits approval: kubectl ordinal approve sts/%s", inPods(int(canary.Pods)), p.Set.Name)
	default:
		p.pause = reasonCanaryHold
		left := p.canaryLeft(arrived)
		w.State = fmt.Sprintf("of %s is looked at until %s", inPods(int(canary.Pods)), p.Now.Add(left).UTC().Format("15:04:05"))
		p.lookAgain(left)
	}
	p.plan.Waits = append(p.plan.Waits, w)
}

// inPods is a number of pods in words.
func inPods(n int) string {
	if n == 1 {
		return "1 pod"
	}
	return fmt.Sprintf("%d pods", n)
}

func inSeconds(n int32) time.Duration { return time.Duration(n) * time.Second }
