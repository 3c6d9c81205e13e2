package v1alpha1

// Hook is something that the application is asked, or asked to do, at a point of a roll-out.
// In the words of a command, and in a path, $(POD) is the name of the pod that it is about,
// $(ORDINAL) its ordinal, $(HOST) its DNS name within the cluster, and $(TO) the name of the
// pod that takes over. Nothing is passed through a shell.
// +kubebuilder:validation:XValidation:rule="[has(self.exec), has(self.httpGet), has(self.httpPost)].filter(x, x).size() == 1",message="set exactly one of exec, httpGet and httpPost"
type Hook struct {
	// A command that is run in a container of the pod.
	// +optional
	Exec *ExecAction `json:"exec,omitempty"`
	// A request to the pod.
	// +optional
	HTTPGet *HTTPAction `json:"httpGet,omitempty"`
	// The same with POST, without a body.
	// +optional
	HTTPPost *HTTPAction `json:"httpPost,omitempty"`
	// After how many seconds it has failed.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	TimeoutSeconds *int32 `json:"timeoutSeconds,omitempty"`
	// What happens when it has failed. Block, which is the default: the roll-out waits, the
	// StatefulSet is Stalled, and it is tried again. Continue: the roll-out goes on.
	// +optional
	OnFailure HookFailure `json:"onFailure,omitempty"`
}

// HookFailure is what happens when a hook has failed.
// +kubebuilder:validation:Enum=Block;Continue
type HookFailure string

// What may happen.
const (
	Block    HookFailure = "Block"
	Continue HookFailure = "Continue"
)

// ExecAction is a command in a container. The controller needs the permission to create
// pods/exec for it: of the Helm chart, set hooks.exec.
type ExecAction struct {
	// The container; by default the first.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Container string `json:"container,omitempty"`
	// The program and its arguments.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=4096
	Command []string `json:"command"`
}

// HTTPAction is a request to the pod's own address. No redirect is followed, and no
// credentials are sent; a certificate is not verified, since pods have none for their address.
type HTTPAction struct {
	// HTTP, which is the default, or HTTPS.
	// +optional
	// +kubebuilder:validation:Enum=HTTP;HTTPS
	Scheme string `json:"scheme,omitempty"`
	// The port.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`
	// The path, with a query if there is one; by default "/".
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	// +kubebuilder:validation:Pattern=`^/`
	Path string `json:"path,omitempty"`
}
