package sim

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/override"
	"ordinal.dev/ordinal/internal/plan"
)

// ordinals are those that the set is to have.
func (v *view) ordinals() identity.Ordinals {
	wanted, policy := identity.OrdinalsOf(v.set), v.policy()
	if policy == nil || policy.Spec.Scaling == nil {
		return wanted
	}
	later := v.reservedLater(policy)
	for _, text := range policy.Spec.Scaling.ReservedOrdinals {
		if r, err := identity.ParseRange(string(text)); err == nil && !slices.Contains(later, text) {
			wanted = wanted.Without(r)
		}
	}
	return wanted
}

// reservedLater are the ordinals that have no effect before the set is scaled down.
func (v *view) reservedLater(policy *v1alpha1.StatefulSetPolicy) []v1alpha1.OrdinalRange {
	text, has := policy.Annotations[plan.RemovalAnnotation]
	r := plan.Removal{}
	if !has || json.Unmarshal([]byte(text), &r) != nil || r.Set != v.set.UID || v.set.Generation > r.Generation {
		return nil
	}
	return r.Ordinals
}

// departure is what is noted of a member that leaves for good.
type departure struct {
	UID         types.UID
	Since, Left time.Time
}

// departuresOn are those that a revision notes, by ordinal.
func departuresOn(r *appsv1.ControllerRevision) (noted map[int]departure) {
	if text, has := r.Annotations[plan.LeavingAnnotation]; has {
		_ = json.Unmarshal([]byte(text), &noted) // nobody but the controller writes it here
	}
	return noted
}

// departures are those that the set's revisions note.
func (v *view) departures() map[int]departure {
	for _, r := range v.history() {
		if noted := departuresOn(r); noted != nil {
			return noted
		}
	}
	return nil
}

// leave is what the policy says of members that go for good, nil for nothing.
func (v *view) leave() *v1alpha1.Leave {
	if policy := v.policy(); policy != nil && policy.Spec.Scaling != nil {
		return policy.Spec.Scaling.Leave
	}
	return nil
}

// givenUp reports whether the policy goes on without a pod's having left.
func (v *view) givenUp(d departure) bool {
	hook := v.leave()
	if hook == nil || hook.OnFailure != v1alpha1.Continue || d.Since.IsZero() {
		return false
	}
	timeout := time.Duration(ptr.Deref(hook.TimeoutSeconds, 3600)) * time.Second
	return !v.now.Before(d.Since.Add(timeout))
}

// hasDeparted reports whether a pod has left for good, so that it goes whether or not its
// ordinal is wanted.
func (v *view) hasDeparted(pod *corev1.Pod) bool {
	if v.leave() == nil {
		return false
	}
	d, leaves := v.departures()[v.ordinal(pod)]
	return leaves && d.UID == pod.UID && !d.Left.IsZero()
}

// goesForGood reports whether a pod is not to stay: its ordinal is not wanted, its set is being
// deleted in order, or it has left.
func (v *view) goesForGood(pod *corev1.Pod) bool {
	return !v.wanted(v.ordinal(pod)) || v.set.DeletionTimestamp != nil || v.hasDeparted(pod)
}

// inReverse reports whether the policy has the set's pods deleted in order.
func (v *view) inReverse() bool {
	policy := v.policy()
	return policy != nil && policy.Spec.Deletion != nil && policy.Spec.Deletion.Order == v1alpha1.DeletionReverse
}

// hasOverrides reports whether the policy says in what members differ.
func (v *view) hasOverrides() bool { return v.policy() != nil && v.policy().Spec.Members != nil }

// overridesFor are the overrides that name an ordinal.
func (v *view) overridesFor(ordinal int) (all []*v1alpha1.Override) {
	policy := v.policy()
	if policy == nil || policy.Spec.Members == nil {
		return nil
	}
	for i := range policy.Spec.Members.Overrides {
		o := &policy.Spec.Members.Overrides[i]
		if slices.ContainsFunc(o.Ordinals, func(text v1alpha1.OrdinalRange) bool { return namesOrdinal(text, ordinal) }) {
			all = append(all, o)
		}
	}
	return all
}

// namesOrdinal reports whether a range of ordinals, all of them of one figure here, names this one.
func namesOrdinal(text v1alpha1.OrdinalRange, ordinal int) bool {
	first, last := int(text[0]-'0'), int(text[len(text)-1]-'0')
	return first <= ordinal && ordinal <= last
}

// tiersFor are the labels of the overrides that name an ordinal, in words.
func (v *view) tiersFor(ordinal int) string {
	labels := map[string]string{}
	for _, o := range v.overridesFor(ordinal) {
		for key, what := range o.Template.Metadata.Labels {
			labels[key] = what
		}
	}
	return tiersIn(labels)
}

func tiersIn(labels map[string]string) string {
	words := ""
	for key := range labels {
		if strings.HasPrefix(key, tierLabel) {
			for _, key := range sortedKeys(labels) {
				if strings.HasPrefix(key, tierLabel) {
					words += key + "=" + labels[key] + " "
				}
			}
			return words
		}
	}
	return ""
}

// strays reports whether a pod was made with other overrides than its ordinal has.
func (v *view) strays(pod *corev1.Pod) bool {
	return tiersIn(pod.Labels) != v.tiersFor(v.ordinal(pod))
}

// isRefused reports whether the API server does not take a pod with the overrides of an ordinal.
func (v *view) isRefused(ordinal int) bool {
	return slices.ContainsFunc(v.overridesFor(ordinal), func(o *v1alpha1.Override) bool { return saysOf(o) == invalid })
}

// isKept reports whether a pod that was made with other overrides stays, since the API server
// does not take one with those of its ordinal: it would lose what it has, or gain nothing.
func (v *view) isKept(pod *corev1.Pod) bool {
	ordinal := v.ordinal(pod)
	return v.isRefused(ordinal) && (tiersIn(pod.Labels) != "" || !v.isBehind(pod) || v.belowPartition(ordinal))
}

// isDue reports whether an outdated pod has its turn before those after it: neither the partition
// holds it back, nor is it leaving, nor the API server yet to be asked, or asked again, whether it
// takes it with its overrides.
func (v *view) isDue(pod *corev1.Pod) bool {
	ordinal := v.ordinal(pod)
	return v.outdated(pod) && !v.isHeldBack(pod) && !(v.strays(pod) && len(v.overridesFor(ordinal)) > 0) && !v.isLeaving(ordinal)
}

// isLeaving reports whether a member has been asked to leave, and nothing has come of that yet.
func (v *view) isLeaving(ordinal int) bool {
	return v.leave() != nil && !v.departures()[ordinal].Since.IsZero()
}

// keepsPlace reports whether the overrides of a pod's ordinal can be had where the pod is.
func (v *view) keepsPlace(pod *corev1.Pod) bool {
	return fixedTiers(tiersIn(pod.Labels)) == fixedTiers(v.tiersFor(v.ordinal(pod)))
}

// fixedTiers are those of overrides with which a pod has to be made anew.
func fixedTiers(words string) (fixed string) {
	for word := range strings.FieldsSeq(words) {
		if _, what, _ := strings.Cut(word, "="); overrideSpecs[what] != "" {
			fixed += what + " "
		}
	}
	return fixed
}

// isBeside reports whether a pod is there besides the wanted ones, under a policy for that.
func (v *view) isBeside(pod *corev1.Pod) bool {
	policy := v.policy()
	return policy != nil && policy.Spec.Scaling != nil && !v.wanted(v.ordinal(pod))
}

// isHeldBack reports whether the partition keeps a pod as it is. It holds back templates, and
// overrides name their ordinals themselves.
func (v *view) isHeldBack(pod *corev1.Pod) bool {
	ordinal := v.ordinal(pod)
	return v.belowPartition(ordinal) && !v.strays(pod)
}

// mayBeRefused reports whether it may not have taken it, or may not yet.
func (v *view) mayBeRefused(ordinal int) bool {
	return slices.ContainsFunc(v.overridesFor(ordinal), func(o *v1alpha1.Override) bool { return saysOf(o) == classy })
}

// hashFor is by what pods of an ordinal are told that were made with its overrides.
func (v *view) hashFor(ordinal int) string {
	if len(v.overridesFor(ordinal)) == 0 {
		return ""
	}
	all := override.Of(v.policy().Spec.Members)
	return all.For(ordinal).Hash()
}
