package plan_test

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/plan"
)

// podStates are the words of a pod's line, to be joined by "+".
var podStates = map[string]func(*corev1.Pod, metav1.Time){
	"ready":   func(p *corev1.Pod, at metav1.Time) { running(p, true, at) },
	"unready": func(p *corev1.Pod, at metav1.Time) { running(p, false, at) },
	"pending": func(p *corev1.Pod, _ metav1.Time) {
		p.Status.Phase, p.Status.Conditions = corev1.PodPending, []corev1.PodCondition{scheduled}
	},
	"creating": func(p *corev1.Pod, at metav1.Time) {
		p.Status.Phase, p.Status.StartTime = corev1.PodPending, &at
		waiting(p, "ContainerCreating")
	},
	"initializing": func(p *corev1.Pod, _ metav1.Time) { // its init container runs
		p.Status.Phase = corev1.PodPending
		waiting(p, "PodInitializing")
		p.Status.InitContainerStatuses = append(p.Status.InitContainerStatuses, corev1.ContainerStatus{
			Name: "setup", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		})
	},
	"badproxy": func(p *corev1.Pod, _ metav1.Time) { // a sidecar, started before the other init containers
		p.Status.InitContainerStatuses = append(p.Status.InitContainerStatuses, corev1.ContainerStatus{
			Name: "proxy", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
		})
	},
	"restarted": func(p *corev1.Pod, _ metav1.Time) { p.Status.ContainerStatuses[0].RestartCount = 1 },
	"ended-before": func(p *corev1.Pod, _ metav1.Time) {
		p.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{}
	},
	"unplaced": func(p *corev1.Pod, _ metav1.Time) { // the scheduler has not said anything
		p.Status.Phase, p.Status.Conditions, p.Spec.NodeName = corev1.PodPending, nil, ""
	},
	"ahead": func(p *corev1.Pod, at metav1.Time) { // as a node sees it whose clock is
		p.Status.StartTime = &metav1.Time{Time: now.Add(time.Hour)}
	},
	"taken-late": func(p *corev1.Pod, at metav1.Time) { // by its node, five seconds ago
		p.Status.StartTime = &metav1.Time{Time: now.Add(-5 * time.Second)}
	},
	"ungraceful":  func(p *corev1.Pod, _ metav1.Time) { p.Spec.TerminationGracePeriodSeconds = ptr.To[int64](0) },
	"going-since": func(p *corev1.Pod, at metav1.Time) { p.DeletionTimestamp = &at },
	"unbound": func(p *corev1.Pod, _ metav1.Time) {
		nowhere(p, "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.")
	},
	"crashing": func(p *corev1.Pod, at metav1.Time) {
		p.Status.Phase = corev1.PodRunning
		waiting(p, "CrashLoopBackOff")
	},
	"nopull": func(p *corev1.Pod, at metav1.Time) {
		p.Status.Phase = corev1.PodPending
		waiting(p, "ImagePullBackOff")
	},
	"badinit": func(p *corev1.Pod, at metav1.Time) {
		p.Status.Phase = corev1.PodPending
		waiting(p, "PodInitializing")
		p.Status.InitContainerStatuses = append([]corev1.ContainerStatus{exited}, p.Status.ContainerStatuses...)
		p.Status.InitContainerStatuses[1].State.Waiting.Reason = "CrashLoopBackOff"
		p.Status.ContainerStatuses = nil
	},
	"badsidecar": func(p *corev1.Pod, at metav1.Time) {
		running(p, false, at)
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: "exporter", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
		})
	},
	"halfready": func(p *corev1.Pod, at metav1.Time) {
		running(p, false, at)
		p.Status.ContainerStatuses[0].Ready = true
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: "exporter", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}},
		})
	},
	"exited": func(p *corev1.Pod, _ metav1.Time) {
		p.Status.ContainerStatuses = append([]corev1.ContainerStatus{exited}, p.Status.ContainerStatuses...)
	},
	"exited-init": func(p *corev1.Pod, _ metav1.Time) {
		p.Status.InitContainerStatuses = append(p.Status.InitContainerStatuses, exited)
	},
	"crowded": func(p *corev1.Pod, at metav1.Time) {
		nowhere(p, "0/9 nodes are available: "+strings.Repeat("3 nodes said “no”, ", 8)) // the cut is within a character
	},
	"unschedulable": func(p *corev1.Pod, at metav1.Time) {
		nowhere(p, "0/1 nodes are available: 1 Insufficient cpu.")
	},
	"gated": func(p *corev1.Pod, at metav1.Time) {
		p.Status.Phase, p.Spec.NodeName = corev1.PodPending, ""
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonSchedulingGated,
		})
	},
	"old":      func(p *corev1.Pod, _ metav1.Time) { p.CreationTimestamp = metav1.NewTime(now.Add(-time.Hour)) },
	"lost":     func(p *corev1.Pod, _ metav1.Time) { p.Status.Phase = corev1.PodUnknown },
	"timeless": func(p *corev1.Pod, _ metav1.Time) { running(p, true, metav1.Time{}) },
	"evicted": func(p *corev1.Pod, _ metav1.Time) {
		p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, "Evicted", "The node was low on resource: memory."
	},
	"succeeded":   func(p *corev1.Pod, _ metav1.Time) { p.Status.Phase = corev1.PodSucceeded },
	"terminating": func(p *corev1.Pod, _ metav1.Time) { p.DeletionTimestamp = &metav1.Time{Time: now} },
	"orphan":      func(p *corev1.Pod, _ metav1.Time) { p.OwnerReferences = nil },
	"foreign": func(p *corev1.Pod, _ metav1.Time) {
		p.OwnerReferences[0].UID, p.OwnerReferences[0].Name = "uid-other", "other"
	},
	"cousin": func(p *corev1.Pod, _ metav1.Time) {
		p.OwnerReferences[0].UID, p.OwnerReferences[0].Kind = "uid-other", "ReplicaSet"
	},
	"leftover":   func(p *corev1.Pod, _ metav1.Time) { p.OwnerReferences[0].UID = "uid-earlier" },
	"relabelled": func(p *corev1.Pod, _ metav1.Time) { p.Labels["app"] = "mine" },
	"unlabelled": func(p *corev1.Pod, _ metav1.Time) { delete(p.Labels, appsv1.StatefulSetPodNameLabel) },
	"unindexed":  func(p *corev1.Pod, _ metav1.Time) { delete(p.Labels, appsv1.PodIndexLabel) },
	"unmounted":  func(p *corev1.Pod, _ metav1.Time) { p.Spec.Volumes = nil },
}

var (
	scheduled = corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}
	exited    = corev1.ContainerStatus{Name: "setup", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}}
)

func nowhere(p *corev1.Pod, why string) {
	p.Status.Phase, p.Spec.NodeName = corev1.PodPending, ""
	p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: why,
	})
}

func running(p *corev1.Pod, ready bool, at metav1.Time) {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	p.Status.Phase = corev1.PodRunning
	p.Status.Conditions = []corev1.PodCondition{scheduled, {Type: corev1.PodReady, Status: status, LastTransitionTime: at}}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "app", Ready: ready, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
	}}
}

func waiting(p *corev1.Pod, reason string) {
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "app", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}},
	}}
}

// claim parses "NAME [REMARK]…": terminating; set or pod, for an owner reference
// to it; earlier-set or earlier-pod, for one to an object of that name that is no
// more; other, for another controller; loose-set, for one that does not control;
// friend, namesake and relative, for owners that are none of the set's business; older,
// than the set; surge, for one made for a roll-out; pending, bound or lost; class=NAME, which may be empty; volume=NAME; and
// what grow knows.
func (w *world) claim(t *testing.T, line string) *corev1.PersistentVolumeClaim {
	t.Helper()
	fields := strings.Fields(line)
	c := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: fields[0], Namespace: "default", UID: types.UID("uid-" + fields[0])}}
	c.CreationTimestamp = w.Set.CreationTimestamp
	podName := strings.TrimPrefix(fields[0], "data-")
	for _, remark := range fields[1:] {
		yes, ref := true, metav1.OwnerReference{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "web", UID: "uid-web"}
		ref.Controller = &yes
		if bind(c, remark) || w.grow(t, c, remark) {
			continue
		}
		switch remark {
		case "terminating":
			c.DeletionTimestamp = &metav1.Time{Time: now}
			continue
		case "set":
		case "loose-set":
			ref.Controller = nil
		case "earlier-set":
			ref.UID = "uid-earlier"
		case "pod":
			ref.APIVersion, ref.Kind, ref.Name, ref.UID = "v1", "Pod", podName, types.UID("uid-"+podName)
		case "earlier-pod":
			ref.APIVersion, ref.Kind, ref.Name, ref.UID = "v1", "Pod", podName, "uid-earlier"
		case "friend": // as another set that does not control it
			ref.Controller, ref.Name, ref.UID = nil, "db", "uid-friend"
		case "namesake": // as something else of the set's name
			ref.Controller, ref.APIVersion, ref.UID = nil, "example.com/v1", "uid-namesake"
		case "relative": // as a Deployment of the set's name
			ref.Controller, ref.Kind, ref.UID = nil, "Deployment", "uid-relative"
		case "other":
			ref.APIVersion, ref.Kind, ref.Name, ref.UID = "example.com/v1", "Database", "db", "uid-db"
		default:
			t.Fatalf("claim %q: no such remark as %s", line, remark)
		}
		c.OwnerReferences = append(c.OwnerReferences, ref)
	}
	return c
}

// bind takes a remark about what a claim is bound to, or is not. It returns false for
// other remarks.
func bind(c *corev1.PersistentVolumeClaim, remark string) bool {
	what, name, _ := strings.Cut(remark, "=")
	switch what {
	case "older": // than the set
		c.CreationTimestamp.Time = c.CreationTimestamp.Add(-time.Hour)
	case "surge":
		metav1.SetMetaDataAnnotation(&c.ObjectMeta, plan.SurgeAnnotation, "web-B")
	case "pending":
		c.Status.Phase = corev1.ClaimPending
	case "bound":
		c.Status.Phase = corev1.ClaimBound
	case "lost":
		c.Status.Phase = corev1.ClaimLost
	case "class":
		c.Spec.StorageClassName = &name
	case "volume":
		c.Spec.VolumeName = name
	default:
		return false
	}
	return true
}
