package plan

import (
	"fmt"
	"math"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// healPause is for how long a pod that has a node may be without a container that
// started before it counts as one that cannot start, and one that was deleted may be
// there beyond its grace period: enough for most pulls and mounts. One that is
// slower loses what it has pulled only if it is outdated.
const healPause = 30 * time.Second

// heals reports whether heal has something to say in this set. In Parallel, rollOut
// replaces whatever is not available, and all come back at once.
func (p *planner) heals() bool {
	return p.ordered && p.strategy == appsv1.RollingUpdateStatefulSetStrategyType && p.enabled(Heal)
}

// healOutdated replaces pods that an update would replace anyway and that cannot
// start, without waiting for them: a bad revision must not keep a good one from
// being rolled out (kubernetes#67250). What runs is left to its turn.
//
// They go one at a time, from the highest. The next goes when the one before has
// started, ready or not, or cannot start itself: where all members were down, those
// that are back may need the others to become ready. For the same reason what heal
// took comes back without waiting for those before it, see returns.
//
// What is not ready goes, too, if its override is another now: that was changed for the sake
// of this very pod. Where it counts who serves whom, see servingCounts, all that is not ready
// goes, and at once: none of it is missed. While the roll-out stands still nothing goes, and what went
// before comes back.
func (p *planner) healOutdated() {
	if !p.heals() {
		return
	}
	var queue []*member
	for _, m := range slices.Backward(p.replicas) {
		if p.still != "" || !p.isDue(m) {
			continue
		}
		if p.cannotStart(m) || (p.servingCounts() || p.strays(m)) && p.servesNobody(m) {
			queue = append(queue, m)
		} else if left := p.mayStillStart(m); left > 0 {
			p.lookAgain(left)
		}
	}
	p.forgetHealed()
	p.reached = p.hasReached(queue)
	if len(queue) == 0 {
		return
	}
	coming := p.highestComing()
	for len(queue) > 0 && (coming == nil || p.servingCounts()) {
		coming, queue = queue[0], queue[1:]
		p.remove(coming, p.whyHealed(coming))
		p.plan.Healed = append(p.plan.Healed, coming.ordinal)
		slices.Sort(p.plan.Healed)
	}
	if len(queue) > 0 {
		p.waitForComing(coming, "replacing "+queue[0].name)
	}
}

// forgetHealed keeps in mind what heal took until it has started, or cannot.
func (p *planner) forgetHealed() {
	for _, m := range p.replicas {
		if slices.Contains(p.Healed, m.ordinal) && (m.state <= Terminating || !p.outdated(m) && p.mayStillStart(m) > 0) {
			p.plan.Healed = append(p.plan.Healed, m.ordinal)
		}
	}
}

// cannotStart reports whether nothing of a pod runs, and nothing will by itself. One
// without a node has nothing to lose. What Stuck says may be wrong no sooner.
func (p *planner) cannotStart(m *member) bool {
	switch {
	case m.state == Stuck:
		return true
	case m.state != Starting || m.pod == nil || !neverStarted(m.pod):
		return false
	}
	return m.pod.Spec.NodeName == "" || p.mayStillStart(m) == 0
}

// mayStillStart is how much longer a pod none of whose containers has started may
// be on its way to that; zero for all others.
func (p *planner) mayStillStart(m *member) time.Duration {
	if m.state != Starting || m.pod == nil || !neverStarted(m.pod) {
		return 0
	}
	begun := m.pod.CreationTimestamp.Time
	// A node whose clock is that much ahead is not believed.
	if at := m.pod.Status.StartTime; at != nil && at.Time.Before(p.Now.Add(healPause)) {
		begun = at.Time
	}
	return max(0, begun.Add(healPause).Sub(p.Now))
}

// neverStarted reports whether no container of a pod ever started, init containers
// included. A pod whose node does not report is in phase Unknown, and may run.
func neverStarted(pod *corev1.Pod) bool {
	started := func(c corev1.ContainerStatus) bool {
		return c.State.Running != nil || c.State.Terminated != nil || c.LastTerminationState.Terminated != nil || c.RestartCount > 0
	}
	return pod.Status.Phase == corev1.PodPending &&
		!slices.ContainsFunc(pod.Status.InitContainerStatuses, started) && !slices.ContainsFunc(pod.Status.ContainerStatuses, started)
}

func (p *planner) whyHealed(m *member) string {
	if m.state == Starting && neverStarted(m.pod) {
		return fmt.Sprintf("it %s, no container of it ever started, and %s", m.words, p.whyOutdated(m))
	}
	return fmt.Sprintf("it %s, and %s", m.words, p.whyOutdated(m))
}

// hasReached is the highest wanted ordinal that was there before heal began, as far as
// that can be told; -1 if heal is not at work. What heal took is remembered, and there
// may be pods above it. A controller that is new to the set cannot remember: to it, an
// update under way may be heal's work, and claims that are no older than the set say what
// was there. To others they may be left of a time when the set was larger.
func (p *planner) hasReached(queue []*member) int {
	isNew := p.Now.Before(p.FirstSeen.Add(healPause)) && p.FirstSeen.After(p.Set.CreationTimestamp.Add(healPause))
	isAtWork := len(queue) > 0 || len(p.plan.Healed) > 0 || slices.ContainsFunc(p.replicas, p.wasTaken) ||
		isNew && p.current.Name != p.update.Name
	if !isAtWork {
		return -1
	}
	for _, m := range slices.Backward(p.replicas) {
		if m.owned() || slices.Contains(p.plan.Healed, m.ordinal) || isNew && p.hasClaim(m) {
			return m.ordinal
		}
	}
	return -1
}

func (p *planner) hasClaim(m *member) bool {
	for _, claim := range p.claimsOf(m.ordinal) {
		if claim != nil && !claim.CreationTimestamp.Before(&p.Set.CreationTimestamp) {
			return true
		}
	}
	return false
}

// returns reports whether the pod of a missing ordinal was there before heal began. It
// comes back without waiting for pods before it that cannot start, or that run and are
// not ready: it was there beside them, and they may be waiting for it.
func (p *planner) returns(m *member) bool { return m.state == Missing && m.ordinal <= p.reached }

// wasTaken reports whether a pod on its way out is one that heal took, or would have.
func (p *planner) wasTaken(m *member) bool {
	if m.state != Terminating || p.belowPartition(m.ordinal) {
		return false
	}
	return slices.Contains(p.plan.Healed, m.ordinal) || p.outdated(m) && (neverStarted(m.pod) || stuckWords(m.pod) != "")
}

// forever is longer than anybody waits.
const forever time.Duration = math.MaxInt64

// comes is how much longer a pod is waited for that is about to start, or to go since
// heal took it; forever for one that is to be created, since what keeps it from that may
// keep the next one, too. It is zero for all others.
func (p *planner) comes(m *member) time.Duration {
	replaced := p.isDue(m)
	switch {
	case m.state == Starting && m.pod == nil:
		return forever
	case p.returns(m) && !p.belowPartition(m.ordinal) && p.claimInTheWay(m) == "":
		return forever
	case p.wasTaken(m) && m.pod.DeletionTimestamp == nil: // by this plan
		return forever
	case p.wasTaken(m): // and is not waited for on a node that is lost
		return max(0, m.pod.DeletionTimestamp.Add(healPause).Sub(p.Now))
	case m.owned() && !(replaced && p.cannotStart(m)): // outdated by now or not, it may be a replacement
		return p.mayStillStart(m)
	}
	return 0
}

// highestComing is the highest pod that comes, nil if none does.
func (p *planner) highestComing() *member {
	for _, m := range slices.Backward(p.replicas) {
		if p.comes(m) > 0 {
			return m
		}
	}
	return nil
}

// waitForComing is wait for a pod that comes, and looks again when it does no more.
func (p *planner) waitForComing(m *member, holds string) {
	p.wait(m, holds)
	if left := p.comes(m); left > 0 && left < forever {
		p.lookAgain(left)
	}
}
