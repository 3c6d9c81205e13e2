package apiserver

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var (
	inMeta   = field.NewPath("metadata")
	inSpec   = field.NewPath("spec")
	inStatus = field.NewPath("status")
)

// validate checks an object that is to be made.
func validate(o client.Object) error {
	valid := validation.NameIsDNSSubdomain
	switch o.(type) {
	case *appsv1.StatefulSet:
		valid = validation.NameIsDNSLabel
	case *corev1.Service:
		valid = validation.NameIsDNS1035Label
	}
	errs := validation.ValidateObjectMetaAccessor(o, true, valid, inMeta)
	errs = append(errs, validateFinalizers(o)...)
	return invalid(o, append(errs, validateContent(o)...))
}

// validateFinalizers checks that each has a domain, or is the server's own.
func validateFinalizers(o client.Object) (errs field.ErrorList) {
	for i, f := range o.GetFinalizers() {
		standard := f == metav1.FinalizerOrphanDependents || f == metav1.FinalizerDeleteDependents
		if !standard && !strings.Contains(f, "/") {
			errs = append(errs, field.Invalid(inMeta.Child("finalizers").Index(i), f, "name is neither a standard finalizer name nor is it fully qualified"))
		}
	}
	return errs
}

// validateUpdate checks a new state of an object, and that what cannot change has
// not.
func validateUpdate(old, updated client.Object, spec whose) error {
	errs := validation.ValidateObjectMetaAccessorUpdate(updated, old, inMeta)
	errs = append(errs, validateFinalizers(updated)...)
	errs = append(errs, validateContent(updated)...)
	if spec == oldSpec {
		return invalid(updated, errs)
	}
	switch updated := updated.(type) {
	case *appsv1.StatefulSet:
		was, is := old.(*appsv1.StatefulSet).Spec, updated.Spec
		errs = append(errs, validation.ValidateImmutableField(is.Selector, was.Selector, inSpec.Child("selector"))...)
		errs = append(errs, validation.ValidateImmutableField(is.ServiceName, was.ServiceName, inSpec.Child("serviceName"))...)
		errs = append(errs, validation.ValidateImmutableField(is.PodManagementPolicy, was.PodManagementPolicy, inSpec.Child("podManagementPolicy"))...)
		errs = append(errs, validation.ValidateImmutableField(is.VolumeClaimTemplates, was.VolumeClaimTemplates, inSpec.Child("volumeClaimTemplates"))...)
	case *appsv1.ControllerRevision:
		errs = append(errs, validation.ValidateImmutableField(updated.Data.Raw, old.(*appsv1.ControllerRevision).Data.Raw, field.NewPath("data"))...)
	case *corev1.Pod:
		if spec == resizedSpec {
			return invalid(updated, append(errs, validateResize(&old.(*corev1.Pod).Spec, &updated.Spec)...))
		}
		errs = append(errs, validatePodUpdate(&old.(*corev1.Pod).Spec, &updated.Spec)...)
	case *corev1.PersistentVolumeClaim:
		errs = append(errs, validateClaimUpdate(old.(*corev1.PersistentVolumeClaim), updated)...)
	case *corev1.Service:
		errs = append(errs, validateServiceUpdate(&old.(*corev1.Service).Spec, &updated.Spec)...)
	}
	return invalid(updated, errs)
}

// validateContent checks what the engine relies on being refused, at creation and
// later.
func validateContent(o client.Object) (errs field.ErrorList) {
	switch o := o.(type) {
	case *appsv1.StatefulSet:
		return append(validateSet(&o.Spec), validateSetStatus(&o.Status)...)
	case *appsv1.ControllerRevision:
		errs = notNegative(errs, o.Revision, field.NewPath("revision"))
		if o.Data.Raw == nil {
			errs = append(errs, field.Required(field.NewPath("data"), "data is mandatory"))
		}
	case *corev1.Service:
		return validateService(&o.Spec)
	}
	return errs
}

func notNegative[N int32 | int64](errs field.ErrorList, n N, path *field.Path) field.ErrorList {
	return append(errs, validation.ValidateNonnegativeField(int64(n), path)...)
}

func validateSet(spec *appsv1.StatefulSetSpec) (errs field.ErrorList) {
	errs = notNegative(errs, *spec.Replicas, inSpec.Child("replicas"))
	errs = notNegative(errs, spec.MinReadySeconds, inSpec.Child("minReadySeconds"))
	if spec.Ordinals != nil {
		errs = notNegative(errs, spec.Ordinals.Start, inSpec.Child("ordinals", "start"))
	}
	selector, err := metav1.LabelSelectorAsSelector(spec.Selector)
	if err != nil || selector.Empty() || !selector.Matches(labels.Set(spec.Template.Labels)) {
		errs = append(errs, field.Invalid(inSpec.Child("template", "metadata", "labels"), spec.Template.Labels, "`selector` does not match template `labels`"))
	}
	for _, policy := range []appsv1.PersistentVolumeClaimRetentionPolicyType{spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted, spec.PersistentVolumeClaimRetentionPolicy.WhenScaled} {
		if policy != appsv1.RetainPersistentVolumeClaimRetentionPolicyType && policy != appsv1.DeletePersistentVolumeClaimRetentionPolicyType {
			errs = append(errs, field.NotSupported(inSpec.Child("persistentVolumeClaimRetentionPolicy"), policy, []string{"Delete", "Retain"}))
		}
	}
	return append(errs, validateStrategy(&spec.UpdateStrategy)...)
}

func validateStrategy(strategy *appsv1.StatefulSetUpdateStrategy) (errs field.ErrorList) {
	path := inSpec.Child("updateStrategy")
	rolling := strategy.RollingUpdate
	switch strategy.Type {
	case appsv1.RollingUpdateStatefulSetStrategyType:
		errs = notNegative(errs, *rolling.Partition, path.Child("partition"))
		if n := rolling.MaxUnavailable; n.String() == "0" || n.String() == "0%" || n.IntVal < 0 {
			errs = append(errs, field.Invalid(path.Child("maxUnavailable"), n, "cannot be 0"))
		}
	case appsv1.OnDeleteStatefulSetStrategyType, appsv1.RecreateStatefulSetStrategyType:
		if rolling != nil {
			errs = append(errs, field.Invalid(path.Child("rollingUpdate"), rolling, "only allowed for updateStrategy 'RollingUpdate'"))
		}
	default:
		errs = append(errs, field.Invalid(path, strategy, "must be 'RollingUpdate', 'OnDelete', or 'Recreate'"))
	}
	return errs
}

func validateSetStatus(status *appsv1.StatefulSetStatus) (errs field.ErrorList) {
	errs = notNegative(errs, status.Replicas, inStatus.Child("replicas"))
	errs = notNegative(errs, status.ObservedGeneration, inStatus.Child("observedGeneration"))
	for _, part := range []struct {
		name string
		n    int32
	}{
		{"readyReplicas", status.ReadyReplicas}, {"currentReplicas", status.CurrentReplicas},
		{"updatedReplicas", status.UpdatedReplicas}, {"availableReplicas", status.AvailableReplicas},
	} {
		errs = notNegative(errs, part.n, inStatus.Child(part.name))
		if part.n > status.Replicas {
			errs = append(errs, field.Invalid(inStatus.Child(part.name), part.n, "cannot be greater than status.replicas"))
		}
	}
	if status.AvailableReplicas > status.ReadyReplicas {
		errs = append(errs, field.Invalid(inStatus.Child("availableReplicas"), status.AvailableReplicas, "cannot be greater than status.readyReplicas"))
	}
	return errs
}

// validatePodUpdate allows for other images and for a deadline that is nearer.
func validatePodUpdate(old, updated *corev1.PodSpec) (errs field.ErrorList) {
	was, is := old.DeepCopy(), updated.DeepCopy()
	if len(was.Containers) == len(is.Containers) {
		for i := range was.Containers {
			was.Containers[i].Image = is.Containers[i].Image
		}
	}
	before, deadline := was.ActiveDeadlineSeconds, is.ActiveDeadlineSeconds
	if before != nil && (deadline == nil || *deadline > *before) || deadline != nil && *deadline < 0 {
		errs = append(errs, field.Invalid(inSpec.Child("activeDeadlineSeconds"), deadline, "must be less than or equal to previous value"))
	}
	was.ActiveDeadlineSeconds = deadline
	if !equality.Semantic.DeepEqual(was, is) {
		errs = append(errs, field.Forbidden(inSpec, "pod updates may not change fields other than the image and the deadline"))
	}
	return errs
}

func invalid(o client.Object, errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	kind := map[Kind]string{sets: "StatefulSet", revisions: "ControllerRevision", pods: "Pod", claims: "PersistentVolumeClaim", services: "Service"}[KindOf(o)]
	return apierrors.NewInvalid(schema.GroupKind{Group: KindOf(o).resource().Group, Kind: kind}, o.GetName(), errs)
}
