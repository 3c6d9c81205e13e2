package fence

import (
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Leave is what a namespace's LeavingAnnotation has to say for these sets to be given back
// beside those that are already; with no sets, for all to be.
func Leave(namespace metav1.Object, sets ...string) string {
	c := ChargeOf(namespace)
	if len(sets) == 0 || slices.Contains(c.leaving, All) {
		return All
	}
	leaving := setOf(c.leaving)
	maps.Copy(leaving, setOf(sets))
	return *joined(leaving)
}

// GiveBack is what a namespace has to say for these sets to be Ordinal's no more; with no
// sets, for none to be. existing are all sets of the namespace: they say which claims are
// whose. Values of nil are to be removed, the label among them. Where all sets are
// Ordinal's, single ones cannot be given back.
func GiveBack(namespace metav1.Object, existing []*appsv1.StatefulSet, sets ...string) (label *string, annotations map[string]*string) {
	c := ChargeOf(namespace)
	stay := setOf(c.sets)
	for _, name := range sets {
		delete(stay, name)
	}
	annotations = map[string]*string{SetsAnnotation: nil, ClaimsAnnotation: nil, LeavingAnnotation: nil}
	if len(sets) == 0 || len(stay) == 0 {
		return nil, annotations
	}
	leaving := setOf(c.leaving)
	maps.DeleteFunc(leaving, func(name string, _ bool) bool { return !stay[name] && name != All })
	annotations[SetsAnnotation], annotations[LeavingAnnotation] = joined(stay), joined(leaving)
	annotations[ClaimsAnnotation] = joined(claimsOf(stay, c.claims, existing))
	value := c.value
	return &value, annotations
}

// claimsOf are what the names of these sets' claims begin with: what the sets that exist
// have now, and of what was listed before, what may be a claim's of theirs and is no other
// set's now. "data-my-web" may be of "web" or of "my-web", and only the set can tell.
func claimsOf(sets map[string]bool, listed []string, existing []*appsv1.StatefulSet) map[string]bool {
	claims, others := map[string]bool{}, map[string]bool{}
	for _, set := range existing {
		if sets[set.Name] {
			maps.Copy(claims, setOf(ClaimPrefixes(set)))
		} else {
			maps.Copy(others, setOf(ClaimPrefixes(set)))
		}
	}
	for _, prefix := range listed {
		for name := range sets {
			if strings.HasSuffix(prefix, "-"+name) && !others[prefix] {
				claims[prefix] = true
			}
		}
	}
	return claims
}
