package forecast

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/plan"
)

// noExpansion is what the API server says of a claim whose class does not let it grow.
const noExpansion = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"

// refusesChange reports whether the API server would refuse what is asked of a claim, and has
// the next plans know.
func (w *world) refusesChange(a plan.Action) bool {
	claim, is := a.Object.(*corev1.PersistentVolumeClaim)
	if !is || a.Change.Claim == nil || a.Change.Claim.Size == nil || w.storage.mayGrow(claim) {
		return false
	}
	all := map[types.UID]plan.ClaimRefusal{}
	maps.Copy(all, w.ClaimsRefused)
	all[claim.UID] = plan.ClaimRefusal{Template: plan.WantedOf(a), Message: noExpansion, Count: 1, At: w.Now}
	w.ClaimsRefused = all
	return true
}

// refuseStill has what was refused not be tried again: it would be refused again.
func (w *world) refuseStill() {
	for uid, r := range w.ClaimsRefused {
		r.At = w.Now
		w.ClaimsRefused[uid] = r
	}
}

// changeClaim makes the change of a claim, whose driver does at once what is asked of it.
func changeClaim(claim *corev1.PersistentVolumeClaim, c *plan.ClaimChange) {
	if c.Size != nil {
		size := corev1.ResourceList{corev1.ResourceStorage: *c.Size}
		claim.Spec.Resources.Requests, claim.Status.Capacity = size, size
	}
	if c.Class != nil {
		claim.Spec.VolumeAttributesClassName, claim.Status.CurrentVolumeAttributesClassName = c.Class, c.Class
	}
}

// claimWords say what is asked of a claim, to follow "is asked to"; empty for its owners, and
// for what is no claim.
func claimWords(a plan.Action) string {
	_, marked := a.Change.Annotations[plan.ClaimAnnotation]
	_, is := a.Object.(*corev1.PersistentVolumeClaim)
	switch {
	case !is || a.Verb != plan.Update:
		return ""
	case a.Change.Claim != nil:
		return a.Change.Claim.String()
	case a.Change.Labels != nil || len(a.Change.Annotations) > 1 || len(a.Change.Annotations) == 1 && !marked:
		return "have other labels or annotations"
	case marked:
		return "stay as it is"
	}
	return ""
}
