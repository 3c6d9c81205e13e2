package fence

import (
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What a namespace says of who is in charge of its StatefulSets. Only who may change
// namespaces can change it.
const (
	// Label names the controller. Without it, that is whichever the cluster has.
	Label = "ordinal.dev/statefulset-controller"
	// Ordinal is the label's value where all sets are Ordinal's.
	Ordinal = "ordinal"
	// OrdinalSets is its value where those are that SetsAnnotation lists.
	OrdinalSets = "ordinal-sets"
	// InTree is its value where Ordinal must not act, on the whole cluster neither.
	InTree = "in-tree"

	// SetsAnnotation lists names of sets, "web,db". It counts beside OrdinalSets alone.
	SetsAnnotation = "ordinal.dev/sets"
	// ClaimsAnnotation lists what the names of those sets' claims begin with,
	// "data-web,data-db": a claim names its set nowhere else.
	ClaimsAnnotation = "ordinal.dev/set-claims"
	// LeavingAnnotation lists sets that are to be given back, or All. They are fenced still,
	// and Ordinal takes back what it has set on them.
	LeavingAnnotation = "ordinal.dev/leaving"
	// All stands for every set of a namespace in LeavingAnnotation.
	All = "*"
)

// A Charge is what a namespace says of its sets.
type Charge struct {
	value                 string
	sets, claims, leaving []string
}

// ChargeOf reads a namespace's labels and annotations.
func ChargeOf(namespace metav1.Object) Charge {
	annotations := namespace.GetAnnotations()
	c := Charge{value: namespace.GetLabels()[Label], leaving: list(annotations[LeavingAnnotation])}
	if c.value == OrdinalSets {
		c.sets, c.claims = list(annotations[SetsAnnotation]), list(annotations[ClaimsAnnotation])
	}
	return c
}

func list(joined string) []string {
	if joined == "" {
		return nil
	}
	return strings.Split(joined, ",")
}

// Fenced reports whether any set of the namespace can be Ordinal's behind the fence.
func (c Charge) Fenced() bool { return c.value == Ordinal || c.value == OrdinalSets }

// OptedOut reports whether no set of the namespace is Ordinal's, in whatever mode it runs.
func (c Charge) OptedOut() bool { return c.value == InTree }

// Whole reports whether all sets of the namespace are Ordinal's.
func (c Charge) Whole() bool { return c.value == Ordinal }

// Has reports whether a set is fenced.
func (c Charge) Has(set string) bool {
	return c.value == Ordinal || slices.Contains(c.sets, set)
}

// Leaving reports whether a set that is fenced is to be given back.
func (c Charge) Leaving(set string) bool {
	return slices.Contains(c.leaving, All) || slices.Contains(c.leaving, set)
}

// Leaves reports whether any set is to be given back.
func (c Charge) Leaves() bool { return len(c.leaving) > 0 }

// Sets are the sets that are listed, sorted; nil where all are Ordinal's, or none.
func (c Charge) Sets() []string { return slices.Sorted(slices.Values(c.sets)) }

// Unlisted are what the names of a set's claims begin with, as far as the fence does not
// know them: the set was made anew with other templates since it was taken.
func (c Charge) Unlisted(set *appsv1.StatefulSet) []string {
	if c.value != OrdinalSets {
		return nil
	}
	return slices.DeleteFunc(ClaimPrefixes(set), func(p string) bool { return slices.Contains(c.claims, p) })
}

// SameFence reports whether the same writes are denied.
func (c Charge) SameFence(d Charge) bool {
	return c.value == d.value && slices.Equal(c.sets, d.sets) && slices.Equal(c.claims, d.claims)
}

// Equal reports whether two namespaces say the same.
func (c Charge) Equal(d Charge) bool { return c.SameFence(d) && slices.Equal(c.leaving, d.leaving) }

// ClaimPrefixes are what the names of a set's claims have before "-" and the ordinal.
func ClaimPrefixes(set *appsv1.StatefulSet) []string {
	var prefixes []string
	for _, template := range set.Spec.VolumeClaimTemplates {
		prefixes = append(prefixes, template.Name+"-"+set.Name)
	}
	return prefixes
}

// Take is what a namespace has to say for these sets to be Ordinal's beside those that are;
// with no sets, for all to be. Values of nil are to be removed.
func Take(namespace metav1.Object, sets ...*appsv1.StatefulSet) (label string, annotations map[string]*string) {
	c := ChargeOf(namespace)
	annotations = map[string]*string{SetsAnnotation: nil, ClaimsAnnotation: nil, LeavingAnnotation: nil}
	if len(sets) == 0 || c.Whole() {
		return Ordinal, annotations
	}
	names, claims, leaving := setOf(c.sets), setOf(c.claims), setOf(c.leaving)
	for _, set := range sets {
		names[set.Name] = true
		maps.Copy(claims, setOf(ClaimPrefixes(set)))
		delete(leaving, set.Name)
	}
	annotations[SetsAnnotation], annotations[ClaimsAnnotation], annotations[LeavingAnnotation] = joined(names), joined(claims), joined(leaving)
	return OrdinalSets, annotations
}

func setOf(list []string) map[string]bool {
	set := map[string]bool{}
	for _, s := range list {
		set[s] = true
	}
	return set
}

func joined(set map[string]bool) *string {
	if len(set) == 0 {
		return nil
	}
	s := strings.Join(slices.Sorted(maps.Keys(set)), ",")
	return &s
}
