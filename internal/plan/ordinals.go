package plan

import (
	"fmt"
	"math"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
)

const (
	// mostMissing is how many ordinals without a pod one plan deals with. A set may want
	// two billion, which no memory holds; the next plan deals with the next ones.
	mostMissing = 1000
	// highestOrdinal is as in the API: ordinals.start and replicas are of 32 bits.
	highestOrdinal = math.MaxInt32
	// mostGaps is how many gaps between ordinals are named one by one.
	mostGaps = 4
)

// Wanted are the ordinals that a set is to have: as many as it has replicas, without those
// that its policy reserves.
func Wanted(set *appsv1.StatefulSet, policies []*v1alpha1.StatefulSetPolicy) identity.Ordinals {
	wanted, reserved := identity.OrdinalsOf(set), reservedBy(set, PolicyFor(policies))
	if len(reserved) == 0 {
		return wanted
	}
	ranges, _ := rangesOf(reserved)
	return wanted.Without(ranges...)
}

// scaling is what the policy says of scaling, nil for nothing.
func (p *planner) scaling() *v1alpha1.Scaling {
	if p.policy == nil {
		return nil
	}
	return p.policy.Spec.Scaling
}

// rangesOf reads ranges, and says which of them cannot be read. An API server lets none of
// those through; a file that a forecast is made of may have them.
func rangesOf(texts []v1alpha1.OrdinalRange) (ranges []identity.Range, wrong []error) {
	for _, text := range texts {
		r, err := identity.ParseRange(string(text))
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		ranges = append(ranges, r)
	}
	return ranges, wrong
}

// unreadable says which reserved ordinals of the policy have no effect.
func (p *planner) unreadable() []string {
	scaling := p.scaling()
	if scaling == nil {
		return nil
	}
	_, wrong := rangesOf(scaling.ReservedOrdinals)
	return lines(wrong, func(err error) string { return "spec.scaling.reservedOrdinals: " + err.Error() })
}

// Ordinals lists the wanted ordinals that a plan for the set deals with, in order:
// those that one of the pods has, and the first ones that none has.
func Ordinals(set *appsv1.StatefulSet, policies []*v1alpha1.StatefulSetPolicy, pods []*corev1.Pod) []int {
	return dealtWith(Wanted(set, policies), set.Name, pods)
}

func dealtWith(wanted identity.Ordinals, set string, pods []*corev1.Pod) []int {
	var taken []int
	for _, pod := range pods {
		if name, ordinal, ok := identity.Parse(pod.Name); ok && name == set && wanted.Contains(ordinal) {
			taken = append(taken, ordinal)
		}
	}
	slices.Sort(taken)
	all := slices.Clone(taken)
	for ordinal := range wanted.All() {
		if len(all) == len(taken)+mostMissing {
			break
		}
		if _, has := slices.BinarySearch(taken, ordinal); !has {
			all = append(all, ordinal)
		}
	}
	slices.Sort(all)
	return all
}

// tooHigh says that there are no such ordinals as the set wants.
func (p *planner) tooHigh() string {
	text := fmt.Sprintf("spec.ordinals.start is %d and spec.replicas is %d", p.ordinals.Start, p.ordinals.Count)
	if gaps := p.ordinals.Gaps(); len(gaps) > 0 {
		text += fmt.Sprintf(", with policy %s reserving ordinals up to %d", PolicyFor(p.Policies).Name, gaps[len(gaps)-1].Last)
	}
	return fmt.Sprintf("%s, and an ordinal is at most %d: lower one of them", text, highestOrdinal)
}

// whyCondemned says why the pod of an ordinal that is not wanted goes.
func (p *planner) whyCondemned(m *member) string {
	if p.ordinals.Reserves(m.ordinal) {
		return fmt.Sprintf("ordinal %d is reserved", m.ordinal)
	}
	return "the set wants " + p.goal()
}

// goal names the wanted ordinals.
func (p *planner) goal() string {
	switch p.ordinals.Count {
	case 0:
		return "no pods"
	case 1:
		return fmt.Sprintf("only ordinal %d", p.ordinals.Nth(0))
	}
	first, last := p.ordinals.Nth(0), p.ordinals.End()-1
	gaps := p.ordinals.Gaps()
	if len(gaps) > 0 && gaps[0].First < first {
		gaps = gaps[1:]
	}
	switch n := len(gaps); {
	case n == 0:
		return fmt.Sprintf("ordinals %d to %d", first, last)
	case n <= mostGaps:
		return fmt.Sprintf("ordinals %d to %d without %s", first, last, strings.Join(lines(gaps, identity.Range.String), ", "))
	}
	return fmt.Sprintf("%d ordinals from %d to %d that are not reserved", p.ordinals.Count, first, last)
}

// keepsParallel is keeps for a Parallel set. Without a policy for its scaling, what is not
// wanted goes at once. With one, an available pod whose ordinal is reserved stands in for
// the one that takes its place, as far as the budget for updates does not allow for less.
func (p *planner) keepsParallel(m *member) *member {
	if p.scaling() == nil || m.state != Available {
		return nil
	}
	left := -1 // without the pod itself
	for _, other := range slices.Concat(p.replicas, p.condemned) {
		if other.state == Available && !other.extra {
			left++
		}
	}
	if left >= p.ordinals.Count-p.maxUnavailable {
		return nil
	}
	return p.firstUnavailable()
}
