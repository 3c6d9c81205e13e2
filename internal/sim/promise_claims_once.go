package sim

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var changedOnce = promise{
	sentence: "A claim is changed to what is asked, and once for each change of that: what somebody else makes of it stays, and none ever shrinks.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		claim, ok := e.Object.(*corev1.PersistentVolumeClaim)
		if !ok || by == nil || e.Old == nil || e.Type == deleted {
			return ""
		}
		return j.isNewWish(e, e.Old.(*corev1.PersistentVolumeClaim), claim, by)
	},
}

// claimsKnown is what a judge knows of claims.
type claimsKnown struct {
	asked map[types.UID]string // what a controller has last changed a claim to; empty where that is not known for certain
	anew  map[string]int64     // since which version the claims of an ordinal are being made anew, by the name of its pod
}

func newClaimsKnown() claimsKnown {
	return claimsKnown{asked: map[types.UID]string{}, anew: map[string]int64{}}
}

// isNewWish says why a controller may not have changed a claim.
func (j *judge) isNewWish(e apiserver.Event, old, claim *corev1.PersistentVolumeClaim, by *instance) string {
	was, is := wishOn(old), wishOn(claim)
	size, class := claim.Spec.Resources.Requests[storage], claim.Spec.VolumeAttributesClassName
	resized, modified := !size.Equal(old.Spec.Resources.Requests[storage]), class != nil && (old.Spec.VolumeAttributesClassName == nil || *class != *old.Spec.VolumeAttributesClassName)
	switch {
	case was == is && (resized || modified):
		return fmt.Sprintf("%s was changed again, to %s, for a change that it has had", claim.Name, &size)
	case was == is && old.Annotations[plan.ClaimAnnotation] != claim.Annotations[plan.ClaimAnnotation]:
		return fmt.Sprintf("%s was marked again for a change that it has had", claim.Name)
	case was == is:
		return ""
	case hasToGrow(old) && resized && size.Cmp(old.Status.Capacity[storage]) <= 0:
		return fmt.Sprintf("%s is to shrink to %s", claim.Name, &size)
	}
	had := j.claimsKnown.asked[claim.UID]
	j.claimsKnown.asked[claim.UID] = j.onlyWish(e, claim, by)
	return j.allowed(e, by, func(v *view) string {
		a, asks := v.asks()[templateOf(v, claim.Name)]
		switch {
		case !asks:
			return fmt.Sprintf("%s was changed, and nothing is asked of it", claim.Name)
		case resized && !size.Equal(a.size):
			return fmt.Sprintf("%s was changed to have %s, and it is to have %s", claim.Name, &size, &a.size)
		case modified && *class != a.class:
			return fmt.Sprintf("%s was changed to be of class %s, and it is to be of %s", claim.Name, *class, a.class)
		case had == a.String():
			return fmt.Sprintf("%s was changed for %s, which it has had", claim.Name, a)
		}
		return ""
	})
}

// onlyWish is what was asked of a claim at every instant by which a controller may have gone
// that changed it; empty where there is more than one answer.
func (j *judge) onlyWish(e apiserver.Event, claim *corev1.PersistentVolumeClaim, by *instance) string {
	only, several := "", false
	j.allowed(e, by, func(v *view) string {
		wish := v.asks()[templateOf(v, claim.Name)].String()
		several = several || only != "" && only != wish
		only = wish
		return "look at all of them"
	})
	if several {
		return ""
	}
	return only
}

// wishOn is the change of its template that a claim has had, by its mark.
func wishOn(claim *corev1.PersistentVolumeClaim) string {
	mark := struct{ Template string }{}
	if json.Unmarshal([]byte(claim.Annotations[plan.ClaimAnnotation]), &mark) != nil {
		return ""
	}
	return mark.Template
}

// templateOf is that of a claim of the view's set.
func templateOf(v *view, claim string) string {
	_, ordinal, _ := identity.Parse(claim)
	if claim == identity.ClaimName(extraTemplate, v.set.Name, ordinal) {
		return extraTemplate
	}
	return dataTemplate
}
