package plan

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/api/v1alpha1"
)

// DeletionFinalizer is on a set that has pods and whose policy has them deleted in order. A
// set that is being deleted with it stays until they are gone; without it the garbage collector
// takes all of them at once, and before there was anything to do about it.
const DeletionFinalizer = "ordinal.dev/ordered-deletion"

// KeepsPods reports whether a set that is being deleted stays until its pods are gone.
func KeepsPods(set metav1.Object) bool {
	return set.GetDeletionTimestamp() != nil && slices.Contains(set.GetFinalizers(), DeletionFinalizer)
}

// keepFinalizer has the finalizer on the set as long as its policy asks for it and there are
// pods, or are to be.
func (p *planner) keepFinalizer() {
	has := slices.Contains(p.Set.Finalizers, DeletionFinalizer)
	if !has && !p.inReverse() {
		return
	}
	hasPods := p.ordinals.Count > 0 || len(p.podsLeft()) > 0
	switch {
	case p.inReverse() && hasPods && !has:
		p.setFinalizers(append(slices.Clone(p.Set.Finalizers), DeletionFinalizer), "its policy has pods deleted in order")
	case has && !p.inReverse():
		p.dropFinalizer("no policy has its pods deleted in order")
	case has && !hasPods:
		p.dropFinalizer("there are no pods to delete in order")
	}
}

// inReverse reports whether the policy has pods deleted in order.
func (p *planner) inReverse() bool {
	return p.policy != nil && p.policy.Spec.Deletion != nil && p.policy.Spec.Deletion.Order == v1alpha1.DeletionReverse
}

// deleteInOrder takes down the pods of a set that is being deleted, from the highest ordinal, each
// when the one before it is gone. That the policy is gone, too, changes nothing: it is often
// deleted along with its set.
func (p *planner) deleteInOrder() {
	if !KeepsPods(p.Set) {
		return
	}
	left := p.podsLeft()
	switch why := p.disorder(); {
	case why != "":
		p.dropFinalizer(why)
	case len(left) == 0:
		p.dropFinalizer("it has no pods any more")
	case left[0].state == Terminating:
		holds := "deleting the StatefulSet"
		if len(left) > 1 {
			holds = "deleting " + left[1].name
		}
		p.wait(left[0], holds)
	case p.mayGo(left[0]):
		p.removeInTurn(left[0], "the StatefulSet is being deleted, and the highest ordinal goes first")
	}
	p.noteMembership()
}

// disorder says why the pods of a set that is being deleted are not taken down in order after
// all, empty if they are.
func (p *planner) disorder() string {
	switch {
	case p.frozen != nil:
		return "it cannot be understood"
	case p.NamespaceEnds:
		return "the namespace is being deleted, and all pods in it with that"
	case slices.Contains(p.Set.Finalizers, metav1.FinalizerOrphanDependents):
		return "its pods are to stay"
	case slices.Contains(p.Set.Finalizers, metav1.FinalizerDeleteDependents):
		p.warn("DeletedInForeground", "the pods are deleted all at once, and not in order: the garbage collector does that in a foreground deletion; to have them in order, delete with --cascade=background")
		return "it is deleted in the foreground, and the garbage collector takes all pods at once"
	case p.policy != nil && !p.inReverse():
		return "its policy does not have pods deleted in order any more"
	}
	return ""
}

// podsLeft are the set's own pods, and those that become its own, the highest ordinal first.
func (p *planner) podsLeft() []*member {
	left := slices.DeleteFunc(slices.Concat(p.replicas, p.condemned), func(m *member) bool { return !m.owned() && m.state != Adopting })
	slices.SortFunc(left, func(a, b *member) int { return cmp.Compare(b.ordinal, a.ordinal) })
	return left
}

func (p *planner) dropFinalizer(why string) {
	others := slices.DeleteFunc(slices.Clone(p.Set.Finalizers), func(f string) bool { return f == DeletionFinalizer })
	p.setFinalizers(others, why)
}

func (p *planner) setFinalizers(all []string, why string) {
	p.do(Action{Verb: Update, Object: p.Set, Change: Change{Finalizers: &all}, Why: why})
}
