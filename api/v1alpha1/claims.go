package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Claims says how the claims of a StatefulSet change, which apps/v1 leaves as they were made.
type Claims struct {
	// What the claims of a template are to be: of the StatefulSet's own volumeClaimTemplates,
	// by their names, or a template that is added. Claims that are there already change in
	// ordinal order, new ones are made so. A claim is touched once for each change of its
	// template: what somebody changes afterwards, by hand or by a program, stays.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=12
	Templates []ClaimTemplate `json:"templates,omitempty"`
	// What happens to a pod that does not start since its claim does not exist, is Lost, or is
	// bound to a volume on a node that does not exist any more. Wait: it waits, and the
	// conditions say for what. Recreate: the claims of its ordinal are made anew, all together,
	// once the old pod is gone for certain. Their data is lost. Where it is not set, a claim
	// that does not exist is made, and nothing is said of the others.
	// +optional
	OnLost OnLost `json:"onLost,omitempty"`
}

// ClaimTemplate is what the claims of one template are to be. What is not set is as in the
// StatefulSet's volumeClaimTemplates.
type ClaimTemplate struct {
	// The template's name. One that the StatefulSet does not have adds a claim to each of its
	// pods, which takes the place of the pod template's volume of that name; the pods are
	// rolled out once.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
	// The size. Claims grow where their StorageClass allows it. They never shrink: a size
	// below that of a claim holds for new claims only.
	// +optional
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="must be more than 0, such as 20Gi"
	Size *resource.Quantity `json:"size,omitempty"`
	// The VolumeAttributesClass.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	VolumeAttributesClassName *string `json:"volumeAttributesClassName,omitempty"`
	// Labels that the claims have besides their own.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations that the claims have besides their own.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Annotations map[string]string `json:"annotations,omitempty"`
	// The access modes of a claim that is added, by default ReadWriteOnce. They cannot be
	// changed for a template that the StatefulSet has.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	AccessModes []corev1.PersistentVolumeAccessMode `json:"accessModes,omitempty"`
	// The StorageClass of a claim that is added, by default that of the cluster. It cannot be
	// changed for a template that the StatefulSet has: the data is in volumes of the other.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	StorageClassName *string `json:"storageClassName,omitempty"`
}

// OnLost is what happens to a pod whose claim is lost.
// +kubebuilder:validation:Enum=Wait;Recreate
type OnLost string

// What may happen.
const (
	OnLostWait     OnLost = "Wait"
	OnLostRecreate OnLost = "Recreate"
)
