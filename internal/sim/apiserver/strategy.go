package apiserver

import (
	"bytes"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	pvcProtection = "kubernetes.io/pvc-protection"
	// defaultGrace is how long a pod may take to stop, where its spec says nothing.
	defaultGrace = 30
)

// prepare sets what the server decides at creation, defaults included.
func prepare(o client.Object) {
	switch o := o.(type) {
	case *appsv1.StatefulSet:
		o.Generation, o.Status = 1, appsv1.StatefulSetStatus{}
		defaultSet(&o.Spec)
	case *corev1.Pod:
		o.Generation, o.Status = 1, corev1.PodStatus{Phase: corev1.PodPending}
		if o.Spec.TerminationGracePeriodSeconds == nil {
			o.Spec.TerminationGracePeriodSeconds = ptr.To[int64](defaultGrace)
		}
	case *corev1.PersistentVolumeClaim:
		o.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}
		o.Finalizers = append(o.Finalizers, pvcProtection)
	}
}

func defaultSet(spec *appsv1.StatefulSetSpec) {
	if spec.Replicas == nil {
		spec.Replicas = ptr.To[int32](1)
	}
	if spec.PodManagementPolicy == "" {
		spec.PodManagementPolicy = appsv1.OrderedReadyPodManagement
	}
	if spec.RevisionHistoryLimit == nil {
		spec.RevisionHistoryLimit = ptr.To[int32](10)
	}
	strategy := &spec.UpdateStrategy
	if strategy.Type == "" {
		strategy.Type = appsv1.RollingUpdateStatefulSetStrategyType
	}
	if strategy.Type == appsv1.RollingUpdateStatefulSetStrategyType {
		if strategy.RollingUpdate == nil {
			strategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{}
		}
		if strategy.RollingUpdate.Partition == nil {
			strategy.RollingUpdate.Partition = ptr.To[int32](0)
		}
	}
	if spec.PersistentVolumeClaimRetentionPolicy == nil {
		keep := appsv1.RetainPersistentVolumeClaimRetentionPolicyType
		spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenDeleted: keep, WhenScaled: keep}
	}
	if spec.Template.Spec.TerminationGracePeriodSeconds == nil {
		spec.Template.Spec.TerminationGracePeriodSeconds = ptr.To[int64](defaultGrace)
	}
}

// prepareUpdate sets what the server decides at an update.
func prepareUpdate(old, updated client.Object) {
	switch updated := updated.(type) {
	case *appsv1.StatefulSet:
		defaultSet(&updated.Spec)
		if !equality.Semantic.DeepEqual(old.(*appsv1.StatefulSet).Spec, updated.Spec) {
			updated.Generation++
		}
	case *corev1.Pod:
		if !equality.Semantic.DeepEqual(old.(*corev1.Pod).Spec, updated.Spec) {
			updated.Generation++
		}
	}
}

// validate checks what the engine relies on being refused.
func validate(o client.Object) error {
	var errs field.ErrorList
	meta := field.NewPath("metadata")
	if problems := validation.IsDNS1123Subdomain(o.GetName()); len(problems) > 0 {
		errs = append(errs, field.Invalid(meta.Child("name"), o.GetName(), problems[0]))
	}
	controllers := 0
	for _, owner := range o.GetOwnerReferences() {
		if owner.Controller != nil && *owner.Controller {
			controllers++
		}
		if owner.UID == "" || owner.Name == "" || owner.Kind == "" {
			errs = append(errs, field.Invalid(meta.Child("ownerReferences"), owner, "must be whole"))
		}
	}
	if controllers > 1 {
		errs = append(errs, field.Invalid(meta.Child("ownerReferences"), o.GetOwnerReferences(), "Only one reference can have Controller set to true"))
	}
	for key, value := range o.GetLabels() {
		if problems := validation.IsValidLabelValue(value); len(problems) > 0 {
			errs = append(errs, field.Invalid(meta.Child("labels").Key(key), value, problems[0]))
		}
	}
	if set, ok := o.(*appsv1.StatefulSet); ok {
		errs = append(errs, validateSet(set)...)
	}
	return invalid(o, errs)
}

func validateSet(set *appsv1.StatefulSet) (errs field.ErrorList) {
	spec := field.NewPath("spec")
	if *set.Spec.Replicas < 0 {
		errs = append(errs, field.Invalid(spec.Child("replicas"), *set.Spec.Replicas, "must be greater than or equal to 0"))
	}
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err != nil || selector.Empty() || !selector.Matches(labels.Set(set.Spec.Template.Labels)) {
		errs = append(errs, field.Invalid(spec.Child("template", "metadata", "labels"), set.Spec.Template.Labels, "`selector` does not match template `labels`"))
	}
	status := field.NewPath("status")
	for name, n := range map[string]int32{"readyReplicas": set.Status.ReadyReplicas, "currentReplicas": set.Status.CurrentReplicas, "updatedReplicas": set.Status.UpdatedReplicas, "availableReplicas": set.Status.AvailableReplicas} {
		if n > set.Status.Replicas {
			errs = append(errs, field.Invalid(status.Child(name), n, "cannot be greater than status.replicas"))
		}
	}
	return errs
}

// validateUpdate checks that what cannot change has not.
func validateUpdate(old, updated client.Object) error {
	var errs field.ErrorList
	switch updated := updated.(type) {
	case *appsv1.StatefulSet:
		was, is := old.(*appsv1.StatefulSet).Spec, updated.Spec
		same := equality.Semantic.DeepEqual(was.Selector, is.Selector) && was.ServiceName == is.ServiceName &&
			was.PodManagementPolicy == is.PodManagementPolicy && equality.Semantic.DeepEqual(was.VolumeClaimTemplates, is.VolumeClaimTemplates)
		if !same {
			errs = append(errs, field.Forbidden(field.NewPath("spec"), "updates to statefulset spec for fields other than those that may change are forbidden"))
		}
	case *appsv1.ControllerRevision:
		if !bytes.Equal(old.(*appsv1.ControllerRevision).Data.Raw, updated.Data.Raw) {
			errs = append(errs, field.Invalid(field.NewPath("data"), "", "field is immutable"))
		}
	case *corev1.Pod:
		was, is := old.(*corev1.Pod).Spec.DeepCopy(), updated.Spec.DeepCopy()
		for i := range was.Containers {
			if i < len(is.Containers) {
				was.Containers[i].Image = is.Containers[i].Image
			}
		}
		if !equality.Semantic.DeepEqual(was, is) {
			errs = append(errs, field.Forbidden(field.NewPath("spec"), "pod updates may not change fields other than the image"))
		}
	}
	return invalid(updated, errs)
}

func invalid(o client.Object, errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	kind := map[Kind]string{sets: "StatefulSet", revisions: "ControllerRevision", pods: "Pod", claims: "PersistentVolumeClaim", services: "Service"}[KindOf(o)]
	group := KindOf(o).resource().Group
	return apierrors.NewInvalid(metav1.SchemeGroupVersion.WithKind(kind).GroupKind().WithVersion(group).GroupKind(), o.GetName(), errs)
}
