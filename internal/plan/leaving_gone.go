package plan

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
)

// seeOffGone sees to ordinals whose pods are gone, and that leave only then, or had not left
// when their pods were lost. Their claims go when they have left, if they are to.
func (p *planner) seeOffGone() {
	if p.departures.hook == nil {
		return
	}
	for _, ordinal := range slices.Backward(slices.Sorted(maps.Keys(p.departures.was))) {
		d := p.departures.was[ordinal]
		if p.hasPod(ordinal) || !p.isSettled(ordinal, d) {
			continue
		}
		if actions := p.letClaimsGo(ordinal, d); len(actions) > 0 {
			p.plan.Actions = append(p.plan.Actions, actions...)
			continue
		}
		delete(p.departures.are, ordinal)
	}
}

// hasPod reports whether an ordinal has a pod of the set's, wanted or not.
func (p *planner) hasPod(ordinal int) bool {
	isIt := func(m *member) bool { return m.ordinal == ordinal && m.owned() }
	return slices.ContainsFunc(p.replicas, isIt) || slices.ContainsFunc(p.condemned, isIt)
}

// isSettled reports whether nothing is to be done any more for an ordinal whose pod is gone. One
// that is wanted again before it has left comes back, and is told that it stays.
func (p *planner) isSettled(ordinal int, d departure) bool {
	hook, gone, holds := p.departures.hook, p.departed(ordinal), ""
	if p.ordinals.Contains(ordinal) {
		holds = "creating " + gone.name
	}
	switch {
	case !d.Left.IsZero():
		return true
	case p.comesBack(ordinal, d):
		return false
	case p.leavesUnasked(gone) || isStandIn(ordinal, d, p.Set.Name) && p.founds(gone):
		return true
	case hook.InPeer():
		return p.departures.now == nil && // one at a time
			p.seeOff(gone, d, holds)
	}
	p.warn("LeftUnasked", fmt.Sprintf("pod %s is gone before it has left, and hook leave cannot be run in it any more", gone.name))
	return true
}

// comesBack reports whether the pod of an ordinal that is wanted again was lost before it had left,
// and is to come back as the member that it was.
func (p *planner) comesBack(ordinal int, d departure) bool {
	return p.ordinals.Contains(ordinal) && d.Left.IsZero() && p.departures.hook.When != v1alpha1.LeaveAfter && !isStandIn(ordinal, d, p.Set.Name)
}

// departureInTheWay says why an ordinal cannot have a pod again yet; empty if it can.
func (p *planner) departureInTheWay(m *member) string {
	d, leaves := p.departures.was[m.ordinal]
	switch {
	case !leaves || p.departures.hook == nil || p.comesBack(m.ordinal, d):
		return ""
	case !d.Left.IsZero():
		return "has left, and comes anew when that is done with"
	}
	m.newcomer = true // others are not to wait for it in their order: they may be its peers
	return "is gone, and is to have left before it comes anew"
}

// letClaimsGo has the claims of an ordinal whose pod is gone go after it, as the retention policy
// says: the garbage collector deletes what belongs to a pod that is no more.
func (p *planner) letClaimsGo(ordinal int, d departure) []Action {
	gone := p.departed(ordinal)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: gone.name, UID: d.UID}}
	var actions []Action
	for _, claim := range p.claimsOf(ordinal) {
		if claim == nil || claim.DeletionTimestamp != nil || !p.goesWithPod(claim) || refersToOther(claim, gone.name, "", identity.PodKind) {
			continue
		}
		if p.otherController(claim, gone) != "" {
			continue
		}
		refs := append(slices.DeleteFunc(slices.Clone(claim.OwnerReferences), func(r metav1.OwnerReference) bool {
			return refersTo(r, p.Set.Name, identity.SetKind)
		}), podRef(pod))
		actions = append(actions, Action{
			Verb: Update, Object: claim, Change: Change{Owners: &refs},
			Why: "its pod is gone for good, and persistentVolumeClaimRetentionPolicy.whenScaled is Delete",
		})
	}
	return actions
}
