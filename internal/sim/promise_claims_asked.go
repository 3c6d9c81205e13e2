package sim

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/identity"
)

var claimsAreAsAsked = promise{
	sentence: "At rest, claims that can be are what is asked, and one that cannot holds up no other.",
	rest: func(j *judge) string {
		for _, object := range j.w.api.List(sets, namespace) {
			if words := j.notAsAsked(object.(*appsv1.StatefulSet)); words != "" {
				return words
			}
		}
		return ""
	},
}

// notAsAsked says which claim of a set is not what is asked, and could be.
func (j *judge) notAsAsked(set *appsv1.StatefulSet) string {
	v := j.viewNow(set)
	for template, a := range v.asks() {
		for ordinal := range v.ordinals().All() {
			claim := j.w.claim(identity.ClaimName(template, set.Name, ordinal))
			if claim == nil || claim.DeletionTimestamp != nil || claim.Status.Phase != corev1.ClaimBound || v.member(ordinal) == nil {
				continue
			}
			if words := j.lacks(v, claim, a); words != "" {
				return words
			}
		}
	}
	return ""
}

// lacks says what a claim is not that is asked of it.
func (j *judge) lacks(v *view, claim *corev1.PersistentVolumeClaim, a asked) string {
	has, class := claim.Spec.Resources.Requests[storage], claim.Spec.VolumeAttributesClassName
	m := j.w.driver.moods[claim.Name]
	switch {
	case a.tag != "" && claim.Labels[tagLabel] != a.tag:
		return fmt.Sprintf("claim %s is to have the tag %s, and has %q", claim.Name, a.tag, claim.Labels[tagLabel])
	case has.Cmp(a.size) < 0 && j.w.api.Expanding:
		return fmt.Sprintf("claim %s is to have %s, and asks for %s", claim.Name, &a.size, &has)
	case has.Cmp(a.size) < 0:
		return "" // with that it is refused as a whole
	case a.class != "" && (class == nil || *class != a.class):
		return fmt.Sprintf("claim %s is to be of class %s", claim.Name, a.class)
	case claim.Status.AllocatedResourceStatuses[storage] == corev1.PersistentVolumeClaimNodeResizeInfeasible:
		return ""
	case has.Cmp(a.size) > 0:
		return "" // somebody else has asked for more, for which no pod goes twice
	case hasToGrow(claim) && !m.isKeptFrom() && !v.keepsPods(claim, m):
		return fmt.Sprintf("claim %s asks for %s and has %s, and its driver (%s) could have done it", claim.Name, &has, claim.Status.Capacity.Storage(), m)
	}
	return ""
}

// keepsPods reports whether nobody may take the pod of a claim down, which its driver needs, or
// which is to mount it first.
func (v *view) keepsPods(claim *corev1.PersistentVolumeClaim, m mood) bool {
	_, ordinal, _ := identity.Parse(claim.Name)
	needs := m == byMount || m == offline || m == byNode && !mounts(v.member(ordinal), claim.Name)
	return needs && (v.set.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType || v.belowPartition(ordinal) || v.awaitsUser())
}
