package apiserver

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// validateClaimUpdate allows for a volume once, and for another size and class of a claim that
// is bound. It may ask for less than it did as long as it has not grown to that, but not for
// what it has or less (KEP-1790).
func validateClaimUpdate(old, updated *corev1.PersistentVolumeClaim) (errs field.ErrorList) {
	was, is := old.Spec.DeepCopy(), updated.Spec.DeepCopy()
	if was.VolumeName == "" {
		was.VolumeName = is.VolumeName
	}
	if updated.Status.Phase == corev1.ClaimBound {
		if is.Resources.Requests != nil {
			is.Resources.Requests[corev1.ResourceStorage] = old.Spec.Resources.Requests[corev1.ResourceStorage]
		}
		is.VolumeAttributesClassName = was.VolumeAttributesClassName
	}
	if !equality.Semantic.DeepEqual(was, is) {
		errs = append(errs, field.Forbidden(inSpec, "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"))
	}
	if has := old.Status.Capacity[corev1.ResourceStorage]; grows(updated, old) && asked(updated).Cmp(has) <= 0 {
		errs = append(errs, field.Forbidden(inSpec.Child("resources", "requests", "storage"), "field can not be less than status.capacity"))
	}
	if old.Status.CurrentVolumeAttributesClassName != nil && (updated.Spec.VolumeAttributesClassName == nil || *updated.Spec.VolumeAttributesClassName == "") {
		errs = append(errs, field.Forbidden(inSpec.Child("volumeAttributesClassName"), "update to nil is forbidden when status.currentVolumeAttributesClassName is not nil"))
	}
	return errs
}

// admit refuses growth of claims where their StorageClass does not allow for it.
func (s *Server) admit(old, updated client.Object) error {
	was, ok := old.(*corev1.PersistentVolumeClaim)
	if !ok || s.Expanding || !grows(was, updated.(*corev1.PersistentVolumeClaim)) {
		return nil
	}
	return apierrors.NewForbidden(claims.resource(), was.Name, fmt.Errorf("only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"))
}

// grows reports whether a claim asks for more than another.
func grows(from, to *corev1.PersistentVolumeClaim) bool {
	return asked(from).Cmp(*asked(to)) < 0
}

func asked(claim *corev1.PersistentVolumeClaim) *resource.Quantity {
	return claim.Spec.Resources.Requests.Storage()
}
