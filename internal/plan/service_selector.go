package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// A Service selects by labels alone, and has to select every member of every revision
// in use, at all times, and nobody else. For one set whose selector is labels, these are
// the ones. Otherwise labels are looked for that all members have.

// identityKeys are the labels by which applications are told apart, as charts and
// kustomizations write them; they stay what they are from release to release.
var identityKeys = []string{
	"app", "k8s-app", "name", "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component",
	"app.kubernetes.io/part-of", "release", "component", "tier", "role",
}

// releaseKeys are labels that change with a release, or from pod to pod: nothing is ever
// selected by them.
var releaseKeys = []string{
	"helm.sh/chart", "chart", "app.kubernetes.io/version", "version", "pod-template-hash",
	appsv1.StatefulSetRevisionLabel, appsv1.StatefulSetPodNameLabel, appsv1.PodIndexLabel,
}

// choice is by which labels the governing Service selects, and whose pods.
type choice struct {
	labels   map[string]string
	covered  []*appsv1.StatefulSet // whose pods it gives their names, the oldest first
	left     []*appsv1.StatefulSet // whose it does not
	stranger string                // a pod that is no member and would be selected, too
}

// works reports whether a Service that selects so gives members their names and nobody
// else.
func (c choice) works() bool { return len(c.labels) > 0 && c.stranger == "" }

// by is the value of the mark.
func (c choice) by() string {
	if len(c.covered) == 1 && maps.Equal(c.labels, c.covered[0].Spec.Selector.MatchLabels) && len(c.covered[0].Spec.Selector.MatchExpressions) == 0 {
		return bySelector
	}
	return CommonLabels
}

// NeedsNeighbours reports whether a plan has to know the other pods of the namespace: to
// find labels that members have and nobody else, or that pods of a deleted set have, too.
func NeedsNeighbours(set *appsv1.StatefulSet, sharing []Sharer, service *corev1.Service) bool {
	if set.Spec.ServiceName == "" {
		return false
	}
	return len(sharing) > 0 || set.Spec.Selector != nil && len(set.Spec.Selector.MatchExpressions) > 0 ||
		service == nil || service.Annotations[ServiceMark] != "" && !maps.Equal(service.Spec.Selector, set.Spec.Selector.MatchLabels)
}

// chooseLabels finds the labels for as many of the sets as have some in common, the
// oldest first: a set that comes later takes no names from one that has them.
func (p *planner) chooseLabels() choice { return p.choose(p.group()) }

// hold keeps a Service selecting as it does where another choice would take their names
// from sets that have them, or from pods of a deleted one that have not ended.
func (p *planner) hold(chosen choice) choice {
	if len(p.Sharing) == 0 && !p.hasEnding() {
		return chosen
	}
	held := choice{labels: p.Service.Spec.Selector}
	before, after := labels.SelectorFromSet(held.labels), labels.SelectorFromSet(chosen.labels)
	for _, s := range p.group() {
		if before.Matches(labels.Set(s.commonLabels())) {
			held.covered = append(held.covered, s.set)
		} else {
			held.left = append(held.left, s.set)
		}
	}
	loses := slices.ContainsFunc(p.others(), func(pod *corev1.Pod) bool {
		return p.ending(pod) && before.Matches(labels.Set(pod.Labels)) && !after.Matches(labels.Set(pod.Labels))
	})
	if !loses && len(held.covered) <= len(chosen.covered) {
		return chosen
	}
	held.stranger = p.stranger(held.labels, held.covered)
	return held
}

// withEnding is the choice for a Service that is made anew: where that selects nobody else,
// pods of a deleted set that had their names of the last one get them again.
func (p *planner) withEnding(chosen choice) choice {
	wider := maps.Clone(chosen.labels)
	for _, pod := range p.others() {
		if p.ending(pod) {
			maps.DeleteFunc(wider, func(key, value string) bool { return pod.Labels[key] != value })
		}
	}
	if len(wider) == 0 || len(wider) == len(chosen.labels) || p.stranger(wider, chosen.covered) != "" {
		return chosen
	}
	chosen.labels = wider
	return chosen
}

func (p *planner) choose(group []sharer) choice {
	var best choice
	for i, s := range group {
		covering := make([]sharer, 0, i+1)
		for _, other := range group[:i] {
			if slices.Contains(best.covered, other.set) {
				covering = append(covering, other)
			}
		}
		found := p.labelsFor(append(covering, s))
		if found.works() || len(best.covered) == 0 {
			found.left = best.left
			best = found
			continue
		}
		best.left = append(best.left, s.set)
	}
	return best
}

// labelsFor are labels that all members of these sets have and nobody else. Where there
// are none, stranger is a pod that has the best ones, too.
func (p *planner) labelsFor(group []sharer) choice {
	var c choice
	for _, s := range group {
		c.covered = append(c.covered, s.set)
	}
	if only := group[0].set.Spec.Selector; len(group) == 1 && len(only.MatchExpressions) == 0 && !p.hasEnding() {
		c.labels = only.MatchLabels // whatever else has them, the user has said that they are the set's
		return c
	}
	var first choice
	for _, candidate := range p.candidates(group) {
		if len(candidate) == 0 {
			continue
		}
		c.labels, c.stranger = candidate, p.stranger(candidate, c.covered)
		if c.stranger == "" {
			return c
		}
		if first.labels == nil {
			first = c
		}
	}
	if first.labels == nil {
		first.covered = c.covered
	}
	return first
}

// selections are the labels of a set that a Service may select by, the widest selection
// first: those that its selector asks for; with those by which applications are told
// apart; with all that do not change with a release; and with those that its selector lets
// differ.
var selections = []func(sharer) map[string]string{
	func(s sharer) map[string]string { return askedFor(s.set.Spec.Selector) },
	func(s sharer) map[string]string {
		return s.askedAnd(func(key string) bool { return slices.Contains(identityKeys, key) })
	},
	func(s sharer) map[string]string {
		return s.askedAnd(func(key string) bool {
			return !slices.Contains(releaseKeys, key) && !mayDiffer(s.set.Spec.Selector, key)
		})
	},
	func(s sharer) map[string]string {
		return s.askedAnd(func(key string) bool { return !slices.Contains(releaseKeys, key) })
	},
}

// askedAnd are the labels that the set's selector asks for, and the wanted ones of those
// that its members have in common.
func (s sharer) askedAnd(wanted func(key string) bool) map[string]string {
	return withEntries(askedFor(s.set.Spec.Selector), only(s.commonLabels(), wanted))
}

// candidates are the selections that the sets share. Each comes first as the members of
// sets that end have it, too.
func (p *planner) candidates(group []sharer) []map[string]string {
	var candidates []map[string]string
	for _, of := range selections {
		common := of(group[0])
		for _, s := range group[1:] {
			common = shared(common, of(s))
		}
		ending := common
		for _, pod := range p.others() {
			if p.ending(pod) {
				ending = shared(ending, pod.Labels)
			}
		}
		candidates = append(candidates, ending, common)
	}
	return candidates
}

// askedFor are the labels that a selector asks for with one value: no template without
// them is ever accepted.
func askedFor(selector *metav1.LabelSelector) map[string]string {
	asked := withEntries(selector.MatchLabels)
	for _, e := range selector.MatchExpressions {
		if e.Operator == metav1.LabelSelectorOpIn && len(e.Values) == 1 {
			asked[e.Key] = e.Values[0]
		}
	}
	return asked
}

// mayDiffer reports whether a selector lets pods differ in the label.
func mayDiffer(selector *metav1.LabelSelector, key string) bool {
	return slices.ContainsFunc(selector.MatchExpressions, func(e metav1.LabelSelectorRequirement) bool {
		return e.Key == key && e.Operator == metav1.LabelSelectorOpIn && len(e.Values) > 1
	})
}

// commonLabels are those that all templates in use and all pods of the set have.
func (s sharer) commonLabels() map[string]string {
	var common map[string]string
	for i, template := range s.templates() {
		if i == 0 {
			common = template.Labels
		} else {
			common = shared(common, template.Labels)
		}
	}
	for _, pod := range s.pods {
		common = shared(common, pod.Labels)
	}
	return common
}

func shared(a, b map[string]string) map[string]string {
	return only(a, func(key string) bool {
		value, has := b[key]
		return has && value == a[key]
	})
}

func only(all map[string]string, wanted func(key string) bool) map[string]string {
	some := maps.Clone(all)
	maps.DeleteFunc(some, func(key, _ string) bool { return !wanted(key) })
	return some
}

// stranger names a pod of the namespace that the labels select and that is a member of
// none of the sets. One that has ended is never published. That the labels were considered
// is noted in the plan: another pod that has them may change the answer.
func (p *planner) stranger(by map[string]string, members []*appsv1.StatefulSet) string {
	selector, name := labels.SelectorFromSet(by), ""
	for _, pod := range p.others() {
		if name != "" && name < pod.Name {
			continue // the same one each time
		}
		ofMember := slices.ContainsFunc(members, func(set *appsv1.StatefulSet) bool { return metav1.IsControlledBy(pod, set) })
		if !hasEnded(pod) && !ofMember && selector.Matches(labels.Set(pod.Labels)) && !p.ending(pod) {
			name = pod.Name
		}
	}
	p.plan.Considered = append(p.plan.Considered, by)
	return name
}

func (p *planner) hasEnding() bool { return slices.ContainsFunc(p.others(), p.ending) }

// whyNone says why no labels were found.
func (c choice) whyNone() string {
	if c.stranger != "" {
		return fmt.Sprintf("pod %s has every label that all pods of %s have", c.stranger, names(c.covered))
	}
	return "there is no label that all pods of " + names(c.covered) + " have"
}

// names are the sets, for a person.
func names(sets []*appsv1.StatefulSet) string {
	kind := "StatefulSet "
	if len(sets) > 1 {
		kind = "StatefulSets "
	}
	return kind + strings.Join(lines(sets, func(set *appsv1.StatefulSet) string { return set.Name }), ", ")
}
