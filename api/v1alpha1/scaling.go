package v1alpha1

// Scaling says which ordinals there are, and what happens when a member comes or goes for good.
type Scaling struct {
	// Ordinals that are not used: numbers and ranges, such as "1" and "5-7". The StatefulSet
	// has as many pods as its replicas say all the same: 3 replicas with 1 reserved are 0, 2
	// and 3. The pod of an ordinal that becomes reserved goes as one that is scaled down does.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=128
	ReservedOrdinals []OrdinalRange `json:"reservedOrdinals,omitempty"`
	// Is run once for an ordinal that is new, since the StatefulSet is scaled up or the data of
	// the ordinal is gone with its claims, before its pod is created: etcd's member add. It
	// runs in an available pod, for one ordinal at a time. A pod that merely comes back does
	// not join, and neither does the first member of all.
	// +optional
	Join *Join `json:"join,omitempty"`
	// Is run when a pod goes for good, since its ordinal is scaled down or reserved, or the
	// StatefulSet is deleted with deletion.order Reverse; never when it is restarted. The pod
	// stays until it is done.
	// +optional
	Leave *Leave `json:"leave,omitempty"`
}

// OrdinalRange is an ordinal, such as "1", or a range of them with both ends, such as "5-7".
// +kubebuilder:validation:MaxLength=21
// +kubebuilder:validation:XValidation:rule="self.matches('^(0|[1-9][0-9]{0,8})(-(0|[1-9][0-9]{0,8}))?$')",message="must be an ordinal, such as \"1\", or a range with both ends, such as \"5-7\""
// +kubebuilder:validation:XValidation:rule="!self.matches('^(0|[1-9][0-9]{0,8})-(0|[1-9][0-9]{0,8})$') || int(self.split('-')[0]) <= int(self.split('-')[1])",message="must be a range from the lower ordinal to the higher, such as \"5-7\""
type OrdinalRange string

// Join is what is run before the pod of a new member is created, in, or against, an available
// pod of the StatefulSet, the lowest first. In the words of a command, and in a path, $(POD),
// $(ORDINAL) and $(HOST) are the name, the ordinal and the DNS name of the pod that is to come.
// Exit code 0, or a status of 2xx but 202, is done; exit code 75, or status 202, is not yet,
// and it is asked again. It must be idempotent: an answer may be lost.
// +kubebuilder:validation:XValidation:rule="[has(self.exec), has(self.httpGet), has(self.httpPost)].filter(x, x).size() == 1",message="set exactly one of exec, httpGet and httpPost"
type Join struct {
	// A command that is run in a container of the available pod.
	// +optional
	Exec *ExecAction `json:"exec,omitempty"`
	// A request to the available pod.
	// +optional
	HTTPGet *HTTPAction `json:"httpGet,omitempty"`
	// The same with POST, without a body.
	// +optional
	HTTPPost *HTTPAction `json:"httpPost,omitempty"`
	// After how many seconds it has failed, counted from when it was first to be run; by
	// default 300.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2592000
	TimeoutSeconds *int32 `json:"timeoutSeconds,omitempty"`
	// What happens when it has failed. Block, which is the default: the pod is not created, the
	// StatefulSet is Stalled, and it is tried again more slowly. Continue: the pod is created.
	// +optional
	OnFailure HookFailure `json:"onFailure,omitempty"`
}

// Leave is what is run when a pod goes for good. Exit code 0, or a status of 2xx but 202, is
// done; exit code 75, or status 202, is not yet, and it is asked again.
// +kubebuilder:validation:XValidation:rule="[has(self.exec), has(self.httpGet), has(self.httpPost), has(self.httpDelete)].filter(x, x).size() == 1",message="set exactly one of exec, httpGet, httpPost and httpDelete"
// +kubebuilder:validation:XValidation:rule="!has(self.when) || self.when == 'Before' || has(self.exec) && has(self.exec.pod) && self.exec.pod == 'Peer'",message="when: After needs exec with pod: Peer, since the pod itself is gone by then"
// +kubebuilder:validation:XValidation:rule="!has(self.cancel) || !has(self.when) || self.when == 'Before'",message="cancel has no effect with when: After: nothing is run before the pod is gone"
type Leave struct {
	MemberAction `json:",inline"`
	// When it is run: Before the pod is taken down, which is the default, or After it is gone,
	// which takes exec with pod: Peer.
	// +optional
	// +kubebuilder:validation:Enum=Before;After
	When LeaveWhen `json:"when,omitempty"`
	// After how many seconds it has failed, counted from when the pod was first to be asked; by
	// default 3600.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2592000
	TimeoutSeconds *int32 `json:"timeoutSeconds,omitempty"`
	// What happens when it has failed. Block, which is the default: the pod stays, the
	// StatefulSet is Stalled, and it is tried again more slowly. Continue: the pod goes.
	// +optional
	OnFailure HookFailure `json:"onFailure,omitempty"`
	// Is run when the pod is wanted again before it has left. Without one it just stays.
	// +optional
	Cancel *LeaveCancel `json:"cancel,omitempty"`
}

// LeaveCancel takes a leave back. A run of it may take five minutes.
// +kubebuilder:validation:XValidation:rule="[has(self.exec), has(self.httpGet), has(self.httpPost), has(self.httpDelete)].filter(x, x).size() == 1",message="set exactly one of exec, httpGet, httpPost and httpDelete"
type LeaveCancel struct {
	MemberAction `json:",inline"`
}

// MemberAction is what is run when a member comes or goes. In the words of a command, and in
// a path, $(POD) is the name of the pod that it is about, $(ORDINAL) its ordinal, and $(HOST)
// its DNS name within the cluster. Nothing is passed through a shell.
type MemberAction struct {
	// A command that is run in a container of the pod, or of a peer.
	// +optional
	Exec *MemberExec `json:"exec,omitempty"`
	// A request to the pod.
	// +optional
	HTTPGet *HTTPAction `json:"httpGet,omitempty"`
	// The same with POST, without a body.
	// +optional
	HTTPPost *HTTPAction `json:"httpPost,omitempty"`
	// The same with DELETE.
	// +optional
	HTTPDelete *HTTPAction `json:"httpDelete,omitempty"`
}

// InPeer reports whether it runs in another pod than the one that it is about.
func (a *MemberAction) InPeer() bool { return a.Exec != nil && a.Exec.Pod == PodPeer }

// MemberExec is a command in a container of a pod or of one of its peers.
type MemberExec struct {
	ExecAction `json:",inline"`
	// In which pod: Self, which is the default, or Peer, an available pod that stays.
	// +optional
	Pod HookPod `json:"pod,omitempty"`
}

// HookPod is in which pod a command runs.
// +kubebuilder:validation:Enum=Self;Peer
type HookPod string

// Where it may run.
const (
	PodSelf HookPod = "Self"
	PodPeer HookPod = "Peer"
)

// LeaveWhen is when a leave is run.
type LeaveWhen string

// When it may be run.
const (
	LeaveBefore LeaveWhen = "Before"
	LeaveAfter  LeaveWhen = "After"
)

// Deletion says how a StatefulSet is deleted.
type Deletion struct {
	// Any, which is the default and what apps/v1 does: all pods are taken down at once.
	// Reverse: from the highest ordinal, each after the one before it is gone. The
	// StatefulSet has a finalizer for it while it has pods; with --cascade=orphan the pods
	// stay all the same.
	// +optional
	Order DeletionOrder `json:"order,omitempty"`
}

// DeletionOrder is in which order the pods of a deleted StatefulSet go.
// +kubebuilder:validation:Enum=Any;Reverse
type DeletionOrder string

// The orders there are.
const (
	DeletionAny     DeletionOrder = "Any"
	DeletionReverse DeletionOrder = "Reverse"
)
