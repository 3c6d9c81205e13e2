package plan

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// A Plan is what to do now, and what to say about it.
type Plan struct {
	// Actions are independent of each other, except that revisions come first
	// and no pod is written if one of them fails.
	Actions []Action
	// Waits say what keeps the set from its goal, the most important first.
	Waits []Wait
	// Frozen says why nothing is done for the set: it cannot be understood. Empty if it can.
	Frozen string
	// Status is the whole status to report, derived from the snapshot alone.
	Status appsv1.StatefulSetStatus
	// Events are warnings that hold as long as plans repeat them.
	Events []Event
	// Policies are the statuses to report of the Snapshot's policies, in their order.
	Policies []PolicyStatus
	// Failures, Healed and Bore are what to pass to the next Snapshot.
	Failures map[int]Failure
	Healed   []int
	Bore     map[int]string
	// Asks are the objects whose events the next Snapshot should have: they say in words
	// why pods do not start, and nothing else follows from them. They may grow old, and
	// looking at them again is nothing that a plan asks for.
	Asks []Ask
	// Looks are pods to be read from the API server before this plan can be made as it
	// should: see Snapshot.Closely.
	Looks []string
	// DryRuns are pods that the API server is to be asked about in a dry run before this plan
	// can be made as it should: see Snapshot.DryRuns.
	DryRuns map[string]*corev1.Pod
	// ClaimLooks are claims to be read in the same way: see Snapshot.ClaimsClosely.
	ClaimLooks []string
	// VolumeLooks are PersistentVolumes to be read: see Snapshot.Volumes.
	VolumeLooks []string
	// Claims are those of which something is asked and that are not so yet, ClaimsDone those
	// that are.
	Claims     []ClaimProgress
	ClaimsDone []string
	// Considered are labels by which the governing Service selects, or might: what the plan
	// says of it follows from which pods of the namespace have all of one entry's.
	Considered []map[string]string
	// MaxUnavailable is the update budget, Unavailable how many of the wanted
	// pods are not available; for metrics.
	MaxUnavailable, Unavailable int
	// RequeueAfter is when time alone may change the plan; zero for never.
	RequeueAfter time.Duration
}

// AtRest reports whether nothing is being done and nothing is waited for.
func (p *Plan) AtRest() bool { return len(p.Actions) == 0 && len(p.Waits) == 0 }

// Object is an API object.
type Object interface {
	metav1.Object
	runtime.Object
}

// Verb is what an Action does to its object.
type Verb string

const (
	Create  Verb = "create"
	Update  Verb = "update"  // make the Change
	Delete  Verb = "delete"  // only the object as seen: UID and resourceVersion must match
	Resize  Verb = "resize"  // give a pod's containers the resources of the Change
	RunHook Verb = "run"     // begin with the Hook, and do not wait for its end
	Evict   Verb = "evict"   // a pod, in the same way, unless a PodDisruptionBudget forbids it
	Adopt   Verb = "adopt"   // make the set its controller, after a fresh look at the set
	Release Verb = "release" // the set is its controller no more
)

// An Action is one write.
type Action struct {
	Verb   Verb
	Object Object // what to create, or the object as it was seen
	// Change is what Update sets.
	Change Change
	// Hook is what RunHook runs.
	Hook *HookCall
	// InTurn is set for actions that are done one after the other, and none of them
	// after one that failed.
	InTurn bool
	// GraceSeconds is for how long the containers of a pod that Delete removes may take
	// to stop, nil for as long as the pod says.
	GraceSeconds *int64
	// Follows are the sets from whose specifications the change follows, as they were
	// seen. If one of them is another by now, the action is not done.
	Follows []*appsv1.StatefulSet
	// Needs are done first, in order; if one fails, this action is not done.
	Needs []Action
	// Why is the reason, in words that follow "because".
	Why string
}

// Change is what an Update sets; what is zero stays as it is.
type Change struct {
	Number int64                    // of a revision
	Labels map[string]string        // besides those there are
	Owners *[]metav1.OwnerReference // in place of those there are
	// Finalizers are those of a set, in place of those there are.
	Finalizers *[]string
	// Annotations are set, or removed where they are nil.
	Annotations map[string]*string
	// Claim is what is asked of a claim.
	Claim *ClaimChange
	// Pod is what becomes of a pod that is updated where it is.
	Pod *PodChange
	// Service is what a Service's selector, ports and publishing of addresses become.
	Service *corev1.ServiceSpec
	// Unmanaged has the API server forget that the fields of a Service were written here:
	// who applies them server-side would be told of a conflict (KEP-555).
	Unmanaged bool
	// Disowned has it forget of a Service what was written here, and nothing else.
	Disowned bool
}

// A Wait is something that the plan cannot do yet.
type Wait struct {
	For   string // what is waited for, nearly always a pod: "web-1"
	State string // what it is doing, as in "web-1 is terminating"
	Holds string // what waits for it, as in "creating web-2"; empty for nothing else
}

// Event is a Kubernetes event about the set.
type Event struct {
	Warning         bool
	Reason, Message string
	// Pod or Claim is the name of what it is also about, if any.
	Pod, Claim string
}
