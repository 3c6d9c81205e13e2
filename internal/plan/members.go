package plan

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"ordinal.dev/ordinal/internal/identity"
)

// member is one ordinal, and the pod that has it.
type member struct {
	ordinal  int
	name     string
	pod      *corev1.Pod // nil if missing
	state    State       // what the rules so far make of it
	extra    bool        // it is above the wanted ordinals, for the time of a roll-out
	moves    *moving     // how it is being updated in place, nil if it is not
	newcomer bool        // it is missing, and has to join before it can be created
	words    string      // the state, to follow the name
	action   int         // index of the action that deletes it, -1 if none
}

// owned reports whether the member's pod is the set's own.
func (m *member) owned() bool { return m.pod != nil && m.state != Foreign && m.state != Adopting }

// gatherMembers finds out whose the pods are, and sorts them by ordinal. Pods
// that the selector matches and nobody owns are adopted, pods that it no longer
// matches are released. Pods whose names end in a number that is no ordinal are ignored.
func (p *planner) gatherMembers() {
	for _, ordinal := range dealtWith(p.ordinals, p.Set.Name, p.Pods) {
		p.replicas = append(p.replicas, &member{
			ordinal: ordinal, name: identity.PodName(p.Set.Name, ordinal),
			state: Missing, words: "does not exist yet", action: -1,
		})
	}
	p.beyond = p.ordinals.Count - len(p.replicas)
	for _, pod := range p.Pods {
		p.place(pod)
	}
	slices.SortFunc(p.condemned, func(a, b *member) int { return cmp.Compare(b.ordinal, a.ordinal) })
}

// place claims one pod and puts it where its ordinal belongs.
func (p *planner) place(pod *corev1.Pod) {
	set, ordinal, named := identity.Parse(pod.Name)
	ours, selected := named && set == p.Set.Name, p.frozen != nil || p.selector.Matches(labels.Set(pod.Labels))
	if !named && set == p.Set.Name && selected {
		return
	}
	m := &member{ordinal: ordinal, name: pod.Name, pod: pod, action: -1}
	p.settleOwner(m, ours && selected)
	switch {
	case !ours:
	case p.ordinals.Contains(ordinal):
		i, _ := slices.BinarySearchFunc(p.replicas, ordinal, func(m *member, o int) int { return cmp.Compare(m.ordinal, o) })
		p.replicas[i] = m
	case m.state != Foreign:
		p.condemned = append(p.condemned, m)
	}
}

// settleOwner decides whether the pod is the set's, and what state it is in.
func (p *planner) settleOwner(m *member, belongs bool) {
	owner := metav1.GetControllerOfNoCopy(m.pod)
	switch {
	case owner != nil && owner.UID != p.Set.UID:
		m.state, m.words = Foreign, fmt.Sprintf("exists and belongs to %s %s", owner.Kind, owner.Name)
		if owner.Kind == identity.SetKind.Kind && owner.Name == p.Set.Name {
			m.words = "is left over from an earlier StatefulSet of this name, and is being removed"
		}
	case owner != nil && belongs:
		p.observe(m)
	case owner != nil:
		m.state, m.words = Foreign, "no longer has the labels of spec.selector"
		if p.mayAct() {
			p.do(Action{Verb: Release, Object: m.pod, Why: "its name or labels are not those of a member"})
		}
	case !belongs:
		m.state, m.words = Foreign, "exists, without the labels of spec.selector, and was not made by this set"
	case m.pod.DeletionTimestamp != nil:
		m.state, m.words = Foreign, "is terminating, and has no owner"
	case !p.mayAct():
		m.state, m.words = Foreign, "has no owner"
	default:
		m.state, m.words = Adopting, "is being adopted"
		p.do(Action{Verb: Adopt, Object: m.pod, Why: "it matches spec.selector and nobody owns it"})
	}
}

// observe classifies a pod that the set owns.
func (p *planner) observe(m *member) {
	m.state, m.words = stateOf(m.pod, p.minReady, p.Now)
	p.explain(m)
	p.observeMoving(m)
}

// remove plans the deletion of a member's pod.
func (p *planner) remove(m *member, why string) {
	m.action = len(p.plan.Actions)
	m.state, m.words = Terminating, "is being deleted"
	p.do(Action{Verb: Delete, Object: m.pod, GraceSeconds: leastGrace(m.pod), Why: why})
}

// leastGrace is a second for a pod that has no grace period. The API server drops such
// a pod at once, whether or not its containers still run, and the next one would run
// beside them.
func leastGrace(pod *corev1.Pod) *int64 {
	if period := pod.Spec.TerminationGracePeriodSeconds; period == nil || *period != 0 {
		return nil
	}
	second := int64(1)
	return &second
}

// removeInTurn is remove for pods that go in an order.
func (p *planner) removeInTurn(m *member, why string) {
	p.remove(m, why)
	p.plan.Actions[m.action].InTurn = true
}

// outdated reports whether the pod is of another revision than pods are brought to, has
// another override than its ordinal, or is to be made anew for its claims.
func (p *planner) outdated(m *member) bool {
	return m.owned() && (p.isBehind(m) || p.strays(m) || p.isMadeAnew(m))
}

// isBehind reports whether the pod is of another revision than pods are brought to.
func (p *planner) isBehind(m *member) bool {
	return identity.Revision(m.pod) != p.target.Name || p.hasLeft(m)
}

// firstUnavailable is the lowest wanted ordinal that is not available, nil if
// all are.
func (p *planner) firstUnavailable() *member {
	for _, m := range p.replicas {
		if m.state != Available {
			return m
		}
	}
	return nil
}
