package forecast

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// Storage is what there is to serve a claim.
type Storage struct {
	// Known is false where the classes could not be read: every claim counts as served.
	Known bool
	// Classes are those that exist, and those of volumes that are free.
	Classes map[string]bool
	// Default is the class of a claim that names none, empty for none.
	Default string
	// Fixed are the classes whose volumes cannot grow.
	Fixed map[string]bool
}

// mayGrow reports whether a claim's class allows that it grows, as far as is known.
func (s Storage) mayGrow(claim *corev1.PersistentVolumeClaim) bool {
	class := claim.Spec.StorageClassName
	return class != nil && *class != "" && !s.Fixed[*class]
}

// admit gives a claim the class that the API server would give it.
func (s Storage) admit(claim *corev1.PersistentVolumeClaim) {
	if claim.Spec.StorageClassName == nil && s.Default != "" {
		claim.Spec.StorageClassName = &s.Default
	}
}

// refuses says why nothing serves a claim, in the words of who would, and which reason
// they go by; empty if something does, or may. A claim of the class "" is bound to a
// volume that a person makes.
func (s Storage) refuses(claim *corev1.PersistentVolumeClaim) (reason, why string) {
	switch class := claim.Spec.StorageClassName; {
	case !s.Known || claim.Spec.VolumeName != "" || claim.Status.Phase == corev1.ClaimBound:
	case class == nil:
		return "FailedBinding", "no persistent volumes available for this claim and no storage class is set"
	case *class != "" && !s.Classes[*class]:
		return "ProvisioningFailed", fmt.Sprintf("storageclass.storage.k8s.io %q not found", *class)
	}
	return "", ""
}
