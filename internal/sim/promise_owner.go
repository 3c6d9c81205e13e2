package sim

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var othersAreLeftAlone = promise{
	sentence: "Nothing that belongs to another is adopted, changed or deleted, and nothing is adopted by a set that is gone.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		if by == nil || e.Old == nil || e.Kind == sets {
			return ""
		}
		owner := metav1.GetControllerOfNoCopy(e.Old)
		switch {
		case e.Kind == claims:
			return othersRefs(e.Old.(*corev1.PersistentVolumeClaim), e.Object.(*corev1.PersistentVolumeClaim))
		case owner != nil && !j.isOurs(owner, e, by):
			return fmt.Sprintf("%s %s belongs to %s %s (%s), and was written to", e.Kind, e.Old.GetName(), owner.Kind, owner.Name, owner.UID)
		case owner == nil && removal(e):
			return fmt.Sprintf("%s %s belongs to nobody, and was deleted", e.Kind, e.Old.GetName())
		case owner == nil && metav1.GetControllerOfNoCopy(e.Object) != nil:
			return j.mayAdopt(e, by)
		}
		return ""
	},
}

// isOurs reports whether the owner is the set that the controller works on, as it
// may know it.
func (j *judge) isOurs(owner *metav1.OwnerReference, e apiserver.Event, by *instance) bool {
	for _, set := range j.versions(e, by) {
		if set.UID == owner.UID {
			return true
		}
	}
	return false
}

// mayAdopt says why the adopter may not adopt: it was gone, or on its way, already
// when the controller began this plan.
func (j *judge) mayAdopt(e apiserver.Event, by *instance) string {
	uid := metav1.GetControllerOfNoCopy(e.Object).UID
	log := j.w.api.Log()
	for n := len(log) - 1; n >= 0; n-- {
		if log[n].Kind != sets || log[n].Object.GetName() != by.acting || log[n].Version >= e.Version {
			continue
		}
		set := log[n].Object.(*appsv1.StatefulSet)
		if set.UID == uid && set.DeletionTimestamp == nil && log[n].Type != deleted {
			return ""
		}
		if log[n].Version <= by.begun {
			break
		}
	}
	return fmt.Sprintf("%s was adopted by a set that had been deleted", e.Object.GetName())
}

// othersRefs says which owner of a claim that is neither a set nor a pod was
// changed.
func othersRefs(old, now *corev1.PersistentVolumeClaim) string {
	for _, ref := range old.OwnerReferences {
		if ref.Kind == "StatefulSet" || ref.Kind == "Pod" {
			continue
		}
		kept := false
		for _, other := range now.OwnerReferences {
			kept = kept || other.UID == ref.UID
		}
		if !kept {
			return fmt.Sprintf("claim %s has lost its owner %s %s", now.Name, ref.Kind, ref.Name)
		}
	}
	return ""
}
