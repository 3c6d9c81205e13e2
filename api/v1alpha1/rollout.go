package v1alpha1

// Rollout says how a new pod template is rolled out.
// +kubebuilder:validation:XValidation:rule="!has(self.onFailure) || has(self.progressDeadlineSeconds)",message="onFailure needs progressDeadlineSeconds, which says when a roll-out has failed"
type Rollout struct {
	// Stops roll-outs, and nothing else: pods are created, healed and scaled as ever. A pod
	// that is lost meanwhile comes back at the revision that it had. Time that passes while
	// a roll-out is paused does not count for progressDeadlineSeconds.
	// +optional
	Paused bool `json:"paused,omitempty"`
	// For how many seconds a roll-out may get no further before it has failed. Its
	// revision is marked then, with the annotation ordinal.dev/failed on the
	// ControllerRevision. A new pod template, kubectl rollout restart, or removing that
	// annotation starts again.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=31536000
	ProgressDeadlineSeconds *int32 `json:"progressDeadlineSeconds,omitempty"`
	// What happens when a roll-out has failed. Hold, which is the default: no further pod
	// is touched. Revert: pods at the failed revision go back to the revision before, in
	// the usual order and budget, while the StatefulSet still asks for the failed one.
	// +optional
	OnFailure OnFailure `json:"onFailure,omitempty"`
	// The roles whose pods are taken down last, in this order, after all pods that have
	// another role or none. Outdated pods that serve nobody, since they cannot start, are
	// starting or are not ready, go before all others and without waiting for each other.
	// It takes spec.role.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:XValidation:rule="self.all(x, self.exists_one(y, x == y))",message="names a role twice: a pod has one place in the order"
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Last []string `json:"last,omitempty"`
	// Is asked of each updated pod that is available, before the next pod is taken down and
	// before a hand-over: ready is not in sync. Exit code 0, or a status of 2xx, is yes; it is
	// asked again until then. timeoutSeconds is for how long, by default 300.
	// +optional
	InSync *Hook `json:"inSync,omitempty"`
	// Is run in, or against, an available pod before a roll-out takes it down, if its role is
	// in last, or if no role is told at all. $(TO) is an updated pod that is in sync; if there
	// is none, nobody is asked. Where roles are told, the pod must then lose the role before
	// it goes. The same before such a pod goes for good, since its ordinal is scaled down or
	// reserved: then $(TO) is one that stays. It runs once for a pod and a revision, but must
	// be idempotent all the same: an answer may be lost. timeoutSeconds is for the command and
	// for the role to move, each, and by default 60.
	// +optional
	HandOver *Hook `json:"handOver,omitempty"`
	// Updates pods where they are when the change allows it, in place of taking them down.
	// +optional
	InPlace *InPlace `json:"inPlace,omitempty"`
	// So many pods more than the StatefulSet has, above its ordinals, come before a roll-out
	// takes any down, at the new revision, and go after its end with the claims that were made
	// for them. They serve while others are updated. There are none while no pod of an earlier
	// revision serves, on the way back after a failure, and at ordinals whose claims are left of
	// earlier pods.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Surge int32 `json:"surge,omitempty"`
	// Updates a few pods first, and then waits.
	// +optional
	Canary *Canary `json:"canary,omitempty"`
	// How a roll-out takes down an available pod. Delete, which is the default and what
	// apps/v1 does, deletes it. Evict asks the API server to evict it, so that every
	// PodDisruptionBudget counts, those over several StatefulSets too. A pod that is not
	// available is deleted in either case.
	// +optional
	Disruption Disruption `json:"disruption,omitempty"`
}

// OnFailure is what happens when a roll-out has failed.
// +kubebuilder:validation:Enum=Hold;Revert
type OnFailure string

// What may happen.
const (
	Hold   OnFailure = "Hold"
	Revert OnFailure = "Revert"
)

// Disruption is how a roll-out takes down an available pod.
// +kubebuilder:validation:Enum=Delete;Evict
type Disruption string

// The ways there are.
const (
	DisruptionDelete Disruption = "Delete"
	DisruptionEvict  Disruption = "Evict"
)

// Canary is a first part of a roll-out that is waited after.
// +kubebuilder:validation:XValidation:rule="has(self.holdSeconds) != has(self.until)",message="set one of holdSeconds, to wait for a time, and until: Approved, to wait for kubectl ordinal approve"
type Canary struct {
	// How many pods are updated first.
	// +kubebuilder:validation:Minimum=1
	Pods int32 `json:"pods"`
	// For how many seconds that many updated pods must have been available before the
	// roll-out goes on.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=31536000
	HoldSeconds *int32 `json:"holdSeconds,omitempty"`
	// Approved: the roll-out goes on when somebody has looked and run
	// kubectl ordinal approve sts/NAME.
	// +optional
	Until CanaryUntil `json:"until,omitempty"`
}

// CanaryUntil is what a canary waits for.
// +kubebuilder:validation:Enum=Approved
type CanaryUntil string

// UntilApproved waits for a person.
const UntilApproved CanaryUntil = "Approved"

// InPlace says which pods are updated where they are. A pod so updated keeps its node, its
// address, its UID and its volumes; the containers that change are restarted, and none if
// only labels and annotations do.
type InPlace struct {
	// Never, as without inPlace; IfPossible: a pod is updated in place if its change is
	// confined to labels and annotations, container images, and cpu and memory of running
	// containers, and recreated otherwise; Only: a pod whose change cannot be made in place
	// holds the roll-out, and is named.
	Mode InPlaceMode `json:"mode"`
	// For how many seconds a resize may be deferred, since the node has no room now, before
	// the pod is recreated. By default 60.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	DeferredTimeoutSeconds *int32 `json:"deferredTimeoutSeconds,omitempty"`
	// What becomes of a pod whose resize its node can never do, or has deferred for too
	// long. Recreate, which is the default, or Hold, which holds the roll-out with the
	// node's reason.
	// +optional
	OnInfeasible OnInfeasible `json:"onInfeasible,omitempty"`
}

// InPlaceMode is when pods are updated where they are.
// +kubebuilder:validation:Enum=Never;IfPossible;Only
type InPlaceMode string

// The modes there are.
const (
	InPlaceNever      InPlaceMode = "Never"
	InPlaceIfPossible InPlaceMode = "IfPossible"
	InPlaceOnly       InPlaceMode = "Only"
)

// OnInfeasible is what becomes of a pod that cannot be resized.
// +kubebuilder:validation:Enum=Recreate;Hold
type OnInfeasible string

// What may become of it.
const (
	InfeasibleRecreate OnInfeasible = "Recreate"
	InfeasibleHold     OnInfeasible = "Hold"
)
