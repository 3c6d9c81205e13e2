package plan_test

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/revision"
)

// now is when every golden snapshot is taken. Times in the files are ages.
var now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// world is a snapshot in short hand. Revisions are named by their image: the pod
// template of revision "A" is the set's with the image "app:A", and the set's
// own template is that of the newest.
type world struct {
	// Set is an ordinary StatefulSet; metadata, selector, template and defaults
	// are filled in.
	Set appsv1.StatefulSet `json:"set"`
	// Seen is for how long the controller has known the set; an hour if not
	// given.
	Seen *metav1.Duration `json:"seen"`
	// Template is the revision of the set's template.
	Template string `json:"template"`
	// Templates are those of revisions that differ in more than the image.
	Templates map[string]corev1.PodTemplateSpec `json:"templates"`
	// History lists the existing revisions, oldest first; "?A" has no owner.
	History []string `json:"history"`
	// Current is the revision that the set's status names.
	Current string `json:"current"`
	// Pods are "NAME REVISION STATE [AGE]", see podStates.
	Pods []string `json:"pods"`
	// Claims are names, with optional remarks: see claim.
	Claims []string `json:"claims"`
	// Service is spec.serviceName's, if it exists.
	Service *corev1.Service `json:"service"`
	// Absent is for how long there has been none; an hour if not given.
	Absent *metav1.Duration `json:"absent"`
	// LastService and ServiceRefused are as in a snapshot; the latter an age.
	LastService    plan.Whose       `json:"lastService"`
	ServiceRefused *metav1.Duration `json:"serviceRefused"`
	NamespaceEnds  bool             `json:"namespaceEnds"`
	// Sharing are other sets with the same spec.serviceName, Neighbours other pods of the
	// namespace: see neighbour.
	Sharing    []appsv1.StatefulSet `json:"sharing"`
	Neighbours []string             `json:"neighbours"`
	Failures   map[int]plan.Failure `json:"failures"`
	// Healed is what the last plan said of it.
	Healed []int `json:"healed"`
	// Events are "OBJECT TYPE REASON AGE: MESSAGE".
	Events   []string       `json:"events"`
	Refused  *plan.Refusal  `json:"refused"`
	Disabled []plan.Feature `json:"disabled"`
}

func parseWorld(t testing.TB, text string) *world {
	t.Helper()
	w := &world{}
	if err := yaml.UnmarshalStrict([]byte(text), w); err != nil {
		t.Fatal(err)
	}
	set := &w.Set
	set.Name, set.Namespace, set.UID = "web", "default", "uid-web"
	set.Generation = max(set.Generation, 1)
	if set.CreationTimestamp.IsZero() {
		set.CreationTimestamp = metav1.NewTime(now.Add(-time.Hour))
	}
	if set.Spec.Selector == nil {
		set.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	}
	set.Spec.Template = w.template(w.Template)
	if w.Service != nil {
		w.Service.Namespace = "default"
	}
	for i := range w.Sharing {
		other := &w.Sharing[i]
		other.Namespace, other.UID, other.Spec.ServiceName = "default", types.UID("uid-"+other.Name), set.Spec.ServiceName
	}
	if w.Current != "" {
		set.Status.CurrentRevision = w.revision(w.Current, 0).Name
	}
	return w
}

// revision makes the revision of an image.
func (w *world) revision(image string, number int64) *appsv1.ControllerRevision {
	set := w.Set.DeepCopy()
	set.Spec.Template = w.template(image)
	r, err := revision.New(set, number, 0)
	if err != nil {
		panic(err)
	}
	r.CreationTimestamp = w.Set.CreationTimestamp
	return r
}

// template is the pod template of an image's revision.
func (w *world) template(image string) corev1.PodTemplateSpec {
	template := *w.Set.Spec.Template.DeepCopy()
	if other, has := w.Templates[image]; has {
		template = *other.DeepCopy()
	}
	if template.Labels == nil {
		template.Labels = map[string]string{"app": "web"}
	}
	if len(template.Spec.Containers) == 0 {
		template.Spec.Containers = []corev1.Container{{Name: "app"}}
	}
	template.Spec.Containers = template.Spec.Containers[:1]
	template.Spec.Containers[0].Image = "app:" + image
	return template
}

// collided is the name of an image's revision after one collision.
func (w *world) collided(image string) string {
	return revision.Name(w.Set.Name, revision.Hash(w.revision(image, 0).Data.Raw, 1))
}

func (w *world) snapshot(t *testing.T) plan.Snapshot {
	t.Helper()
	age := time.Hour
	if w.Seen != nil {
		age = w.Seen.Duration
	}
	s := plan.Snapshot{
		Now: now, FirstSeen: now.Add(-age), Set: w.Set.DeepCopy(), Service: w.Service.DeepCopy(), Failures: w.Failures,
		Healed: w.Healed, Refused: w.Refused, Disabled: w.Disabled, LastService: w.LastService, NamespaceEnds: w.NamespaceEnds, Claims: map[string]*corev1.PersistentVolumeClaim{},
	}
	if w.Absent != nil {
		s.NoServiceSince = now.Add(-w.Absent.Duration)
	}
	if w.ServiceRefused != nil {
		s.ServiceRefused = &plan.ServiceRefusal{At: now.Add(-w.ServiceRefused.Duration), Refusal: plan.Refusal{
			Reason: "FailedCreate", Message: "Create Service peers for StatefulSet web failed: exceeded quota",
		}}
	}
	for i := range w.Sharing {
		s.Sharing = append(s.Sharing, plan.Sharer{Set: w.Sharing[i].DeepCopy()})
	}
	for _, line := range w.Neighbours {
		s.Neighbours = append(s.Neighbours, w.neighbour(t, line))
	}
	for i, name := range w.History {
		r := w.revision(strings.TrimPrefix(name, "?"), int64(i+1))
		if strings.HasPrefix(name, "?") {
			r.OwnerReferences = nil
		}
		s.Revisions = append(s.Revisions, r)
	}
	for _, line := range w.Pods {
		s.Pods = append(s.Pods, w.pod(t, line))
	}
	for _, line := range w.Claims {
		c := w.claim(t, line)
		s.Claims[c.Name] = c
	}
	for _, line := range w.Events {
		s.Reported = append(s.Reported, report(t, line))
	}
	return s
}

// report parses "OBJECT TYPE REASON AGE: MESSAGE".
func report(t *testing.T, line string) plan.Report {
	t.Helper()
	head, message, _ := strings.Cut(line, ": ")
	fields := strings.Fields(head)
	if len(fields) != 4 {
		t.Fatalf("event %q: want OBJECT TYPE REASON AGE: MESSAGE", line)
	}
	age, err := time.ParseDuration(fields[3])
	if err != nil {
		t.Fatalf("event %q: %v", line, err)
	}
	return plan.Report{
		UID: types.UID("uid-" + fields[0]), Warning: fields[1] == corev1.EventTypeWarning,
		Reason: fields[2], Message: message, At: now.Add(-age),
	}
}

// shorten puts the image of a revision in place of its hash.
func (w *world) shorten(text string) string {
	for image := 'A'; image <= 'Z'; image++ {
		text = strings.ReplaceAll(text, w.revision(string(image), 1).Name, "web-"+string(image))
		text = strings.ReplaceAll(text, w.collided(string(image)), "web-"+string(image)+"-again")
	}
	return text
}

// pod parses "NAME REVISION STATE [AGE]". The age, a minute if not given, is the
// time since the pod was made and since it became ready.
func (w *world) pod(t *testing.T, line string) *corev1.Pod {
	t.Helper()
	fields := strings.Fields(line)
	if len(fields) < 3 {
		t.Fatalf("pod %q: want NAME REVISION STATE [AGE]", line)
	}
	age := time.Minute
	if len(fields) > 3 {
		var err error
		if age, err = time.ParseDuration(fields[3]); err != nil {
			t.Fatalf("pod %q: %v", line, err)
		}
	}
	_, ordinal, _ := identity.Parse(fields[0]) // 0 for a name that is no member's
	template := w.template(fields[1])
	pod := identity.NewPod(&w.Set, &template, w.revision(fields[1], 0).Name, ordinal)
	pod.Name, pod.UID, pod.Spec.NodeName = fields[0], types.UID("uid-"+fields[0]), "node"
	pod.Labels[appsv1.StatefulSetPodNameLabel] = pod.Name
	pod.CreationTimestamp = metav1.NewTime(now.Add(-age))
	for state := range strings.SplitSeq(fields[2], "+") {
		set, ok := podStates[state]
		if !ok {
			t.Fatalf("pod %q: no such state as %s", line, state)
		}
		set(pod, metav1.NewTime(now.Add(-age)))
	}
	return pod
}

// neighbour parses "NAME LABELS [REMARK]…": terminating; succeeded; of SET, for a pod of
// that set.
func (w *world) neighbour(t *testing.T, line string) *corev1.Pod {
	t.Helper()
	fields := strings.Fields(line)
	by, err := labels.ConvertSelectorToLabelsMap(fields[1])
	if err != nil {
		t.Fatalf("neighbour %q: %v", line, err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fields[0], Namespace: "default", UID: types.UID("uid-" + fields[0]), Labels: by}}
	for i := 2; i < len(fields); i++ {
		switch fields[i] {
		case "terminating":
			pod.DeletionTimestamp = &metav1.Time{Time: now}
		case "succeeded":
			pod.Status.Phase = corev1.PodSucceeded
		case "of":
			i++
			yes := true
			pod.Spec.Subdomain = w.Set.Spec.ServiceName
			pod.OwnerReferences = []metav1.OwnerReference{{
				APIVersion: "apps/v1", Kind: "StatefulSet", Name: fields[i], UID: types.UID("uid-" + fields[i]), Controller: &yes,
			}}
		default:
			t.Fatalf("neighbour %q: no such remark as %s", line, fields[i])
		}
	}
	return pod
}

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
// than the set; pending, bound or lost; class=NAME, which may be empty; volume=NAME.
func (w *world) claim(t *testing.T, line string) *corev1.PersistentVolumeClaim {
	t.Helper()
	fields := strings.Fields(line)
	c := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: fields[0], Namespace: "default", UID: types.UID("uid-" + fields[0])}}
	c.CreationTimestamp = w.Set.CreationTimestamp
	podName := strings.TrimPrefix(fields[0], "data-")
	for _, remark := range fields[1:] {
		yes, ref := true, metav1.OwnerReference{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "web", UID: "uid-web"}
		ref.Controller = &yes
		if bind(c, remark) {
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
