package apiserver

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
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
		if !slices.Contains(o.Finalizers, pvcProtection) {
			o.Finalizers = append(o.Finalizers, pvcProtection)
		}
	case *corev1.Service:
		defaultService(&o.Spec)
	case *v1alpha1.StatefulSetPolicy:
		o.Generation, o.Status = 1, v1alpha1.StatefulSetPolicyStatus{}
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
	defaultStrategy(&spec.UpdateStrategy)
	if spec.PersistentVolumeClaimRetentionPolicy == nil {
		spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{}
	}
	policy := spec.PersistentVolumeClaimRetentionPolicy
	if policy.WhenDeleted == "" {
		policy.WhenDeleted = appsv1.RetainPersistentVolumeClaimRetentionPolicyType
	}
	if policy.WhenScaled == "" {
		policy.WhenScaled = appsv1.RetainPersistentVolumeClaimRetentionPolicyType
	}
	if spec.Template.Spec.TerminationGracePeriodSeconds == nil {
		spec.Template.Spec.TerminationGracePeriodSeconds = ptr.To[int64](defaultGrace)
	}
}

func defaultStrategy(strategy *appsv1.StatefulSetUpdateStrategy) {
	if strategy.Type == "" {
		strategy.Type = appsv1.RollingUpdateStatefulSetStrategyType
	}
	if strategy.Type != appsv1.RollingUpdateStatefulSetStrategyType {
		return
	}
	if strategy.RollingUpdate == nil {
		strategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{}
	}
	if strategy.RollingUpdate.Partition == nil {
		strategy.RollingUpdate.Partition = ptr.To[int32](0)
	}
	if strategy.RollingUpdate.MaxUnavailable == nil {
		strategy.RollingUpdate.MaxUnavailable = ptr.To(intstr.FromInt32(1))
	}
}

// prepareUpdate sets what the server decides at an update.
func prepareUpdate(old, updated client.Object) {
	updated.SetGeneration(old.GetGeneration())
	switch updated := updated.(type) {
	case *appsv1.StatefulSet:
		defaultSet(&updated.Spec)
		if !equality.Semantic.DeepEqual(old.(*appsv1.StatefulSet).Spec, updated.Spec) {
			updated.Generation++
		}
	case *corev1.Pod:
		if updated.Spec.TerminationGracePeriodSeconds == nil {
			updated.Spec.TerminationGracePeriodSeconds = ptr.To[int64](defaultGrace)
		}
		if !equality.Semantic.DeepEqual(old.(*corev1.Pod).Spec, updated.Spec) {
			updated.Generation++
		}
	case *corev1.Service:
		defaultService(&updated.Spec)
		keepAllocated(&old.(*corev1.Service).Spec, &updated.Spec)
	case *v1alpha1.StatefulSetPolicy:
		if !equality.Semantic.DeepEqual(old.(*v1alpha1.StatefulSetPolicy).Spec, updated.Spec) {
			updated.Generation++
		}
	}
}

// keepStatus undoes what a write of all but the status says of the status.
func keepStatus(old, updated client.Object) {
	switch updated := updated.(type) {
	case *appsv1.StatefulSet:
		updated.Status = *old.(*appsv1.StatefulSet).Status.DeepCopy()
	case *corev1.Pod:
		updated.Status = *old.(*corev1.Pod).Status.DeepCopy()
	case *corev1.PersistentVolumeClaim:
		updated.Status = *old.(*corev1.PersistentVolumeClaim).Status.DeepCopy()
	case *corev1.Service:
		updated.Status = *old.(*corev1.Service).Status.DeepCopy()
	case *v1alpha1.StatefulSetPolicy:
		updated.Status = *old.(*v1alpha1.StatefulSetPolicy).Status.DeepCopy()
	}
}

// keepAllButStatus undoes what a write of the status says of the rest. Metadata may
// be written with a status, except for a pod's owners.
func keepAllButStatus(old, updated client.Object) {
	switch updated := updated.(type) {
	case *appsv1.StatefulSet:
		updated.Spec = old.(*appsv1.StatefulSet).Spec // nobody modifies what is stored
	case *corev1.Pod:
		updated.Spec, updated.OwnerReferences = old.(*corev1.Pod).Spec, old.GetOwnerReferences()
		updated.DeletionTimestamp = nil
	case *corev1.PersistentVolumeClaim:
		updated.Spec = old.(*corev1.PersistentVolumeClaim).Spec
	case *corev1.Service:
		updated.Spec = old.(*corev1.Service).Spec
	case *v1alpha1.StatefulSetPolicy:
		updated.Spec = old.(*v1alpha1.StatefulSetPolicy).Spec
	}
}
