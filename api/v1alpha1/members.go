package v1alpha1

import "k8s.io/apimachinery/pkg/runtime"

// Members says in what some of the pods differ.
type Members struct {
	// How the pods of some ordinals differ from the StatefulSet's template. Where several
	// name an ordinal, they are applied in their order. A change of an override rolls out the
	// pods of its ordinals, and no others.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Overrides []Override `json:"overrides,omitempty"`
}

// Override is how the pods of some ordinals differ.
type Override struct {
	// The ordinals: numbers and ranges, such as "0" and "5-7".
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Ordinals []OrdinalRange `json:"ordinals"`
	// What is put over the StatefulSet's pod template, as kubectl patch does it (a strategic
	// merge patch). What makes a pod the member that it is cannot be changed: its hostname and
	// subdomain, the labels that spec.selector selects by, and the volumes of its claims. A
	// pod that the API server would refuse with it stays as it is.
	Template TemplateOverride `json:"template"`
}

// TemplateOverride is put over a pod template.
// +kubebuilder:validation:XValidation:rule="has(self.metadata) || has(self.spec)",message="is empty: set metadata or spec"
type TemplateOverride struct {
	// Labels and annotations.
	// +optional
	Metadata *OverrideMetadata `json:"metadata,omitempty"`
	// Fields of a pod's spec.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	Spec *runtime.RawExtension `json:"spec,omitempty"`
}

// OverrideMetadata are labels and annotations of a pod, besides those of the template or in
// their place.
type OverrideMetadata struct {
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="!('statefulset.kubernetes.io/pod-name' in self) && !('apps.kubernetes.io/pod-index' in self) && !('controller-revision-hash' in self)",message="cannot have the labels by which a StatefulSet tells its pods: statefulset.kubernetes.io/pod-name, apps.kubernetes.io/pod-index and controller-revision-hash"
	// +kubebuilder:validation:XValidation:rule="self.all(key, !key.startsWith('ordinal.dev/'))",message="cannot have keys of ordinal.dev/, which are the controller's own"
	Labels map[string]string `json:"labels,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(key, !key.startsWith('ordinal.dev/'))",message="cannot have keys of ordinal.dev/, which are the controller's own"
	Annotations map[string]string `json:"annotations,omitempty"`
}
