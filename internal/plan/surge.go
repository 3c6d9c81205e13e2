package plan

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
)

// SurgeAnnotation is on pods above the set's ordinals that are there for the time of a
// roll-out, and on the claims that were made for them.
const SurgeAnnotation = "ordinal.dev/surge"

// SurgeOrdinals are the ordinals above the set's own in which a roll-out may have pods, as
// many as its policies have at most.
func SurgeOrdinals(set *appsv1.StatefulSet, policies []*v1alpha1.StatefulSetPolicy) []int {
	policy := PolicyFor(policies)
	if policy == nil || policy.Spec.Rollout == nil {
		return nil
	}
	wanted := Wanted(set, policies)
	var all []int
	for i := range int(policy.Spec.Rollout.Surge) {
		all = append(all, wanted.Nth(wanted.Count+i))
	}
	return all
}

// surge keeps a roll-out's extra pods while it goes on, and has them made before anything is
// taken down. What is not kept is condemned, as all pods above the set's ordinals are.
func (p *planner) surge() {
	if p.surging = p.surges(); !p.surging {
		return
	}
	for _, m := range p.condemned {
		m.extra = isSurge(m.pod) && m.ordinal < p.ordinals.Nth(p.ordinals.Count+int(p.rollout.Surge))
	}
	if p.still == "" && !p.NamespaceEnds && !p.recreating {
		p.createSurge()
	}
}

// surges reports whether a roll-out under way is to have extra pods: not on the way back, and
// not where no pod serves that could be missed. One that has failed, or is paused, keeps those
// that it has.
func (p *planner) surges() bool {
	if p.rollout.Surge == 0 || p.strategy != appsv1.RollingUpdateStatefulSetStrategyType || p.target != p.update || !p.goesOn() {
		return false
	}
	outdated, serve := 0, 0
	for _, m := range p.replicas {
		if p.isDue(m) {
			outdated++
			if m.state >= Ready {
				serve++
			}
		}
	}
	return outdated == 0 || serve > 0
}

// goesOn reports whether anything is rolled out: a revision, or an override. An extra pod stays
// until the last pod with an override is back.
func (p *planner) goesOn() bool {
	if p.rollingOut() || p.overriding() {
		return true
	}
	return p.arriving() && slices.ContainsFunc(p.condemned, func(m *member) bool { return isSurge(m.pod) })
}

// createSurge makes the extra pods that are missing, one after the other in a set in order.
func (p *planner) createSurge() {
	for _, ordinal := range SurgeOrdinals(p.Set, p.Policies) {
		if p.extra(ordinal) != nil {
			continue
		}
		m := &member{ordinal: ordinal, name: identity.PodName(p.Set.Name, ordinal), state: Missing, words: "does not exist yet", action: -1, extra: true}
		if p.surgeObstacle(m) != "" {
			continue
		}
		if blocker := p.surgeBlocker(); blocker != nil && p.ordered {
			p.wait(blocker, "creating "+m.name)
			return
		}
		p.condemned = append([]*member{m}, p.condemned...) // it is the highest
		p.createExtra(m)
	}
}

// extra is the member above the set's ordinals that has a number, nil if there is none.
func (p *planner) extra(ordinal int) *member {
	for _, m := range p.condemned {
		if m.ordinal == ordinal {
			return m
		}
	}
	return nil
}

// surgeBlocker is the pod that the next extra one waits for in a set in order, nil for none.
func (p *planner) surgeBlocker() *member {
	if m := p.firstUnavailable(); m != nil {
		return m
	}
	return p.unavailableExtra()
}

func (p *planner) unavailableExtra() *member {
	for _, m := range p.condemned {
		if m.extra && m.state != Available {
			return m
		}
	}
	return nil
}

// surgeObstacle says why an ordinal cannot have an extra pod; empty if it can. A claim that is
// there already is what an earlier pod of that number has left, and its data is no spare
// pod's to use, and less so to take along.
func (p *planner) surgeObstacle(m *member) string {
	for _, claim := range p.claimsOf(m.ordinal) {
		if claim != nil && !isSurge(claim) {
			return fmt.Sprintf("claim %s is left of an earlier pod", claim.Name)
		}
	}
	return ""
}

// surgeObstacles say which extra pods a roll-out does without.
func (p *planner) surgeObstacles() []string {
	var all []string
	for _, ordinal := range SurgeOrdinals(p.Set, p.Policies) {
		if why := p.surgeObstacle(&member{ordinal: ordinal}); why != "" {
			all = append(all, fmt.Sprintf("spec.rollout.surge has no pod at ordinal %d: %s", ordinal, why))
		}
	}
	return all
}

// createExtra plans an extra pod, at the revision that is rolled out.
func (p *planner) createExtra(m *member) {
	if why := p.claimOrJoinInTheWay(m); why != "" {
		m.words = why
		p.wait(m, "creating "+m.name)
		return
	}
	pod := p.newPod(m, &p.Set.Spec.Template, p.update.Name)
	if pod == nil {
		return
	}
	pod.Annotations = with(pod.Annotations, SurgeAnnotation, p.update.Name)
	needs := p.missingClaims(m)
	for i := range needs {
		claim := needs[i].Object
		claim.SetAnnotations(with(claim.GetAnnotations(), SurgeAnnotation, p.update.Name))
	}
	p.do(Action{Verb: Create, Object: pod, Needs: needs, Why: "the roll-out is to have one pod more before one is taken down"})
	m.state, m.words = Starting, "is being created"
}

// awaitsSurge reports whether a roll-out waits for its extra pods before it takes one down.
func (p *planner) awaitsSurge(next *member) bool {
	if !p.surging {
		return false
	}
	if m := p.unavailableExtra(); m != nil {
		p.wait(m, "updating "+next.name)
		return true
	}
	return false
}

// keepSurged makes ordinary members of extra pods whose ordinals are wanted by now: first
// their claims, which must not go with a pod any more.
func (p *planner) keepSurged() {
	for _, m := range p.replicas {
		if !m.owned() || m.action >= 0 || !isSurge(m.pod) {
			continue
		}
		a := note(m.pod, SurgeAnnotation, "", "its ordinal is wanted now")
		for _, claim := range p.claimsOf(m.ordinal) {
			if claim != nil && isSurge(claim) {
				a.Needs = append(a.Needs, Action{Verb: Update, Object: claim, Change: a.Change, Why: a.Why})
			}
		}
		p.do(a)
	}
}

// goesWithPod reports whether a claim goes with the pod of an ordinal that is not wanted.
func (p *planner) goesWithPod(claim *corev1.PersistentVolumeClaim) bool {
	return p.retention().WhenScaled == appsv1.DeletePersistentVolumeClaimRetentionPolicyType || isSurge(claim)
}

func isSurge(o Object) bool {
	_, is := o.GetAnnotations()[SurgeAnnotation]
	return is
}
