package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// StatefulSetPolicy says of one StatefulSet what apps/v1 cannot say: how its roll-outs go,
// which ordinals it has, in what its members differ, how their claims change and how it ends.
// The StatefulSet itself is not edited. Without a policy, or with the policy removed,
// everything is as in apps/v1; each field is off until it is set.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=stsp,categories=all
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.targetRef.name`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type StatefulSetPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What the policy asks for.
	Spec StatefulSetPolicySpec `json:"spec"`
	// What has become of it. It is derived: nothing depends on it, and it comes back if it
	// is removed.
	// +optional
	Status StatefulSetPolicyStatus `json:"status,omitzero"`
}

// StatefulSetPolicyList is a list of policies.
//
// +kubebuilder:object:root=true
type StatefulSetPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []StatefulSetPolicy `json:"items"`
}

// StatefulSetPolicySpec is what a policy asks for.
// +kubebuilder:validation:XValidation:rule="!has(self.rollout) || !has(self.rollout.last) || has(self.role)",message="rollout.last needs role, which says how a pod's role is told"
type StatefulSetPolicySpec struct {
	// The StatefulSet that the policy is for, in the policy's own namespace. It cannot be
	// changed. A StatefulSet has one policy: of several, the oldest counts, and the others
	// are Conflicting and have no effect.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cannot be changed: delete this policy and create one for the other StatefulSet"
	TargetRef TargetRef `json:"targetRef"`
	// How a pod's role in the application, such as primary or replica, is told.
	// +optional
	Role *Role `json:"role,omitempty"`
	// How a new pod template is rolled out.
	// +optional
	Rollout *Rollout `json:"rollout,omitempty"`
	// Which ordinals there are, and what happens when one goes for good.
	// +optional
	Scaling *Scaling `json:"scaling,omitempty"`
	// In what some of the pods differ.
	// +optional
	Members *Members `json:"members,omitempty"`
	// How claims change.
	// +optional
	Claims *Claims `json:"claims,omitempty"`
	// How the StatefulSet is deleted.
	// +optional
	Deletion *Deletion `json:"deletion,omitempty"`
}

// TargetRef names a StatefulSet of the policy's namespace.
type TargetRef struct {
	// The StatefulSet's name.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// Role says how a pod's role is told.
// +kubebuilder:validation:XValidation:rule="[has(self.label), has(self.exec), has(self.httpGet)].filter(x, x).size() == 1",message="set exactly one of label, exec and httpGet"
// +kubebuilder:validation:XValidation:rule="!has(self.timeoutSeconds) || !has(self.label)",message="a label is not asked for: timeoutSeconds goes with exec or httpGet"
type Role struct {
	// The key of a label that the application keeps on its pods, whose value is the pod's
	// role. Patroni does: with its defaults the key is "role". A pod without the label has
	// no role.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	Label string `json:"label,omitempty"`
	// A command that is run in the pod; the first word that it prints is the role. Every
	// available pod is asked anew before a pod is picked that a roll-out takes down. One that
	// does not answer has no role.
	// +optional
	Exec *ExecAction `json:"exec,omitempty"`
	// A page of the pod; the first word of it is the role.
	// +optional
	HTTPGet *HTTPAction `json:"httpGet,omitempty"`
	// For how many seconds an answer is waited for; by default 5.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=60
	TimeoutSeconds *int32 `json:"timeoutSeconds,omitempty"`
}

// StatefulSetPolicyStatus is what has become of a policy.
type StatefulSetPolicyStatus struct {
	// The generation of the policy that the status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// In one word: Idle when there is nothing to roll out, RollingOut, Paused, Waiting after
	// a canary, Held, Reverting or Reverted after a roll-out that failed; Conflicting or
	// NoTarget for a policy without effect.
	// +optional
	State string `json:"state,omitempty"`
	// Why, in words.
	// +optional
	Reason string `json:"reason,omitempty"`
	// Accepted is True when the policy is in effect. Conflicting is there, and True, when an
	// older policy has the same target. Unsupported is there, and True, when a field of it
	// cannot be honoured here; the message names the field and says why.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// The types of a policy's conditions.
const (
	ConditionAccepted    = "Accepted"
	ConditionConflicting = "Conflicting"
	ConditionUnsupported = "Unsupported"
)
