package sim

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// sameOwners reports whether a write leaves a claim's owners as they were.
func sameOwners(e apiserver.Event) bool {
	return e.Old != nil && equality.Semantic.DeepEqual(e.Old.GetOwnerReferences(), e.Object.GetOwnerReferences())
}

// mayRecreate says why a controller may not delete a claim: only one of an ordinal whose pod
// never ran, since a claim of it is lost, and a policy has these made anew.
func (j *judge) mayRecreate(e apiserver.Event, claim *corev1.PersistentVolumeClaim, by *instance) string {
	return j.allowed(e, by, func(v *view) string {
		_, ordinal, _ := identity.Parse(claim.Name)
		if words := j.mayStartAnew(e, v, v.member(ordinal), by); words != "" {
			return fmt.Sprintf("the controller deleted claim %s: %s", claim.Name, words)
		}
		return ""
	})
}

// mayStartAnew says why a pod may not be made anew together with its claims.
func (j *judge) mayStartAnew(e apiserver.Event, v *view, pod *corev1.Pod, by *instance) string {
	switch {
	case !v.recreatesLost():
		return "no policy has lost ones made anew"
	case pod == nil:
		return "it has no pod"
	case runs(pod) || restarts(pod) > 0:
		return pod.Name + " is not one that never ran"
	case !slices.ContainsFunc(claimNames(pod), func(name string) bool { return j.wasLost(name, e.Version, by.begun) }):
		return "no claim of " + pod.Name + " is lost"
	}
	return ""
}

// recreatesLost reports whether a policy has lost claims made anew.
func (v *view) recreatesLost() bool {
	policy := v.policy()
	return policy != nil && policy.Spec.Claims != nil && policy.Spec.Claims.OnLost == v1alpha1.OnLostRecreate
}

// claimNames are the claims that a pod has.
func claimNames(pod *corev1.Pod) (names []string) {
	for _, volume := range pod.Spec.Volumes {
		if volume.PersistentVolumeClaim != nil {
			names = append(names, volume.PersistentVolumeClaim.ClaimName)
		}
	}
	return names
}

// wasLost reports whether a claim was lost, or did not exist, at an instant from one version to
// another.
func (j *judge) wasLost(name string, to, from int64) bool {
	isLost := func(e apiserver.Event) bool {
		claim := e.Object.(*corev1.PersistentVolumeClaim)
		return e.Type == deleted || claim.Status.Phase == corev1.ClaimLost
	}
	for _, e := range slices.Backward(j.w.api.Log()) {
		if e.Kind != claims || e.Object.GetName() != name || e.Version >= to {
			continue
		}
		if isLost(e) {
			return true
		}
		if e.Version <= from {
			return false
		}
	}
	return true
}

var oneInstance = promise{
	sentence: "The claims of an ordinal are one instance's: where lost ones are made anew, no pod of it has one of before beside a new one.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		switch object := e.Object.(type) {
		case *corev1.PersistentVolumeClaim:
			if by != nil && removal(e) {
				_, ordinal, _ := identity.Parse(object.Name)
				if pod := identity.PodName(by.acting, ordinal); j.claimsKnown.anew[pod] == 0 {
					j.claimsKnown.anew[pod] = e.Version
				}
			}
		case *corev1.Pod:
			if by != nil && e.Type == added {
				return j.isOfOneInstance(e, object, by)
			}
		}
		return ""
	},
}

// isOfOneInstance looks at the claims of a pod that a controller has made where the claims of
// its ordinal were being made anew.
func (j *judge) isOfOneInstance(e apiserver.Event, pod *corev1.Pod, by *instance) string {
	since := j.claimsKnown.anew[pod.Name]
	if since == 0 {
		return ""
	}
	delete(j.claimsKnown.anew, pod.Name)
	return j.allowed(e, by, func(v *view) string {
		if !v.recreatesLost() {
			return "" // it has been made as apps/v1 makes it
		}
		for _, name := range claimNames(pod) {
			claim := j.w.claim(name)
			isLost := claim == nil || claim.Status.Phase == corev1.ClaimLost // no pod starts with it
			if !isLost && j.madeAt(claim) < since {
				return fmt.Sprintf("%s was created with claim %s of before, and others of its ordinal are new", pod.Name, name)
			}
		}
		return ""
	})
}

// madeAt is the version at which a claim was made.
func (j *judge) madeAt(claim *corev1.PersistentVolumeClaim) int64 {
	for _, e := range j.w.api.Log() {
		if e.Kind == claims && e.Object.GetUID() == claim.UID {
			return e.Version
		}
	}
	return 0
}
