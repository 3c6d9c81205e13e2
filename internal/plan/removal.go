package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/api/v1alpha1"
)

// RemovalAnnotation on a policy holds some of its reserved ordinals back until the set has
// another specification: they are reserved and scaled down in one step, by two writes to two
// objects. With the first alone another pod would come, and with the second alone the highest
// would go.
const RemovalAnnotation = "ordinal.dev/removal"

// A Removal is what the annotation says.
type Removal struct {
	// Ordinals are entries of the policy's reservedOrdinals.
	Ordinals []v1alpha1.OrdinalRange `json:"ordinals"`
	// Set and Generation are those of the set before it is scaled down.
	Set        types.UID `json:"set"`
	Generation int64     `json:"generation"`
}

// String is the annotation's value.
func (r Removal) String() string { return encoded(r) }

// RemovalOf is the removal of the set's pods that the policy holds back; the zero value where
// it holds none back, or not any more.
func RemovalOf(set *appsv1.StatefulSet, policy *v1alpha1.StatefulSetPolicy) (r Removal) {
	text, has := policy.Annotations[RemovalAnnotation]
	if !has || json.Unmarshal([]byte(text), &r) != nil || r.Set != set.UID || set.Generation > r.Generation {
		return Removal{}
	}
	return r
}

// reservedBy are the ranges that the policy reserves of the set's ordinals by now.
func reservedBy(set *appsv1.StatefulSet, policy *v1alpha1.StatefulSetPolicy) []v1alpha1.OrdinalRange {
	if policy == nil || policy.Spec.Scaling == nil || len(policy.Spec.Scaling.ReservedOrdinals) == 0 {
		return nil
	}
	all, later := policy.Spec.Scaling.ReservedOrdinals, RemovalOf(set, policy)
	if len(later.Ordinals) == 0 {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(r v1alpha1.OrdinalRange) bool { return slices.Contains(later.Ordinals, r) })
}

// awaitsRemoval says what is reserved as soon as the set is scaled down; empty for nothing.
func (p *planner) awaitsRemoval() string {
	later := RemovalOf(p.Set, p.policy)
	if len(later.Ordinals) == 0 {
		return ""
	}
	list := strings.Join(lines(later.Ordinals, func(r v1alpha1.OrdinalRange) string { return string(r) }), ", ")
	return fmt.Sprintf("ordinal %s is reserved when the set is scaled down: kubectl ordinal remove pod/%s-%s does both", list, p.Set.Name, later.Ordinals[0])
}
