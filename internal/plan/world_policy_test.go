package plan_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// namePolicies fills in what the policies of a world leave out.
func (w *world) namePolicies() {
	if w.Policy != nil {
		w.Policies = []v1alpha1.StatefulSetPolicy{{Spec: *w.Policy}}
	}
	for i := range w.Policies {
		p := &w.Policies[i]
		if p.Name == "" {
			p.Name = "web"
			if i > 0 {
				p.Name = fmt.Sprintf("web-%d", i+1)
			}
		}
		p.Namespace, p.Generation, p.Spec.TargetRef.Name = "default", max(p.Generation, 1), "web"
		if p.CreationTimestamp.IsZero() {
			p.CreationTimestamp = metav1.NewTime(now.Add(-time.Hour + time.Duration(i)*2*time.Second))
		}
	}
}

func (w *world) policies() []*v1alpha1.StatefulSetPolicy {
	var all []*v1alpha1.StatefulSetPolicy
	for i := range w.Policies {
		all = append(all, w.Policies[i].DeepCopy())
	}
	return all
}

func (w *world) borne() map[int]string {
	all := map[int]string{}
	for ordinal, image := range w.Bore {
		all[ordinal] = w.revision(image, 0).Name
	}
	return all
}

// evictionRefused parses "POD SINCE AT", the last two as ages.
func (w *world) evictionRefused(t *testing.T) *plan.EvictionRefusal {
	t.Helper()
	if w.EvictionRefused == "" {
		return nil
	}
	fields := strings.Fields(w.EvictionRefused)
	since, err := time.ParseDuration(fields[1])
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseDuration(fields[2])
	if err != nil {
		t.Fatal(err)
	}
	return &plan.EvictionRefusal{
		UID: types.UID("uid-" + fields[0]), Since: now.Add(-since), At: now.Add(-at),
		Message: "The disruption budget web needs 3 healthy pods and has 3 currently",
	}
}

// closeUp is what is seen of a pod that is read whole.
type closeUp struct {
	// ID is that of container app, "old" if not given.
	ID string `json:"id"`
	// Started is for how long it runs; an hour if not given.
	Started *metav1.Duration `json:"started"`
	// Asked and Has are the resources of its specification and of its status.
	Asked corev1.ResourceRequirements  `json:"asked"`
	Has   *corev1.ResourceRequirements `json:"has"`
	// Pending is the reason of PodResizePending, InProgress whether a resize is.
	Pending    string `json:"pending"`
	InProgress bool   `json:"inProgress"`
	// Unseen says that its node has not seen its generation.
	Unseen bool `json:"unseen"`
}

// closeUps add to a snapshot the pods that have been read whole.
func (w *world) closeUps(s *plan.Snapshot, t *testing.T) {
	t.Helper()
	s.Closely, s.NoResize = map[types.UID]*corev1.Pod{}, w.NoResize
	if w.ResizeRefused != "" {
		s.ResizeRefused = &plan.ResizeRefusal{UID: types.UID("uid-" + w.ResizeRefused), Message: "the API server refuses it (no)"}
	}
	for _, line := range w.Pods {
		pod := w.pod(t, line)
		c, is := w.Closely[pod.Name]
		if !is {
			continue
		}
		pod.Generation, pod.Status.ObservedGeneration = 2, 2
		if c.Unseen {
			pod.Status.ObservedGeneration = 1
		}
		c.show(pod)
		s.Closely[pod.UID] = pod
	}
}

func (c closeUp) show(pod *corev1.Pod) {
	pod.Spec.Containers[0].Resources = c.Asked
	status := &pod.Status.ContainerStatuses[0]
	status.ContainerID, status.Resources = cmp.Or(c.ID, "old"), c.Has
	if status.State.Running != nil {
		started := time.Hour
		if c.Started != nil {
			started = c.Started.Duration
		}
		status.State.Running.StartedAt = metav1.NewTime(now.Add(-started))
	}
	condition := func(kind corev1.PodConditionType, reason string) {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
			Type: kind, Status: corev1.ConditionTrue, Reason: reason, Message: "Node didn't have enough resource: cpu",
			LastTransitionTime: metav1.NewTime(now.Add(-30 * time.Second)),
		})
	}
	if c.Pending != "" {
		condition(corev1.PodResizePending, c.Pending)
	}
	if c.InProgress {
		condition(corev1.PodResizeInProgress, "")
	}
}

// mark is the annotation of a pod that has been on its way to a revision for a minute: moving
// if it restarts, resizing, or back.
func (w *world) mark(pod *corev1.Pod, image, how string) string {
	to, overrides := w.revision(image, 0).Name, w.overridesNow()
	if _, ordinal, _ := identity.Parse(pod.Name); overrides.For(ordinal) != nil {
		to += "+" + overrides.For(ordinal).Hash()
	}
	text := fmt.Sprintf(`{"to":%q,"since":%q`, to, now.Add(-time.Minute).Format(time.RFC3339))
	switch how {
	case "moving":
		text += `,"containers":{"app":"old"}`
	case "back":
		text += `,"back":["app"]`
	}
	return text + "}"
}

// leaves are the pod, and how long ago it was to leave and had left, of one line of Leaves.
func (w *world) leaves(t *testing.T, line string) (pod string, since, left time.Time) {
	t.Helper()
	fields := strings.Fields(line)
	var at [2]time.Time
	for i, text := range fields[1:] {
		age, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("leaves %q: %v", line, err)
		}
		at[i] = now.Add(-age)
	}
	return fields[0], at[0], at[1]
}

// departures is the annotation that says who leaves.
func (w *world) departures(t *testing.T) string {
	t.Helper()
	type noted struct {
		UID   string    `json:"uid"`
		Since time.Time `json:"since,omitzero"`
		Left  time.Time `json:"left,omitzero"`
	}
	all := map[int]noted{}
	for _, line := range w.Leaves {
		pod, since, left := w.leaves(t, line)
		uid := "uid-" + pod
		if name, never := strings.CutSuffix(pod, "!"); never {
			pod, uid = name, name
		}
		_, ordinal, _ := identity.Parse(pod)
		all[ordinal] = noted{uid, since, left}
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// membership is the annotation that says who is a member, and who joins.
func (w *world) membership(t *testing.T) string {
	t.Helper()
	type noted struct {
		Since  time.Time `json:"since"`
		Joined time.Time `json:"joined,omitzero"`
	}
	joining := map[int]noted{}
	for _, line := range w.Joins {
		pod, since, joined := w.leaves(t, line)
		_, ordinal, _ := identity.Parse(pod)
		joining[ordinal] = noted{since, joined}
	}
	text, err := json.Marshal(struct {
		Members string        `json:"members"`
		Joining map[int]noted `json:"joining,omitempty"`
	}{w.Members, joining})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// leavingNow is for what a pod hands over that goes for good.
const leavingNow = "leaving-1-1"

// hookRun parses "POD[@PEER] HOOK ok|no|notyet|running|denied AGE [SINCE]: OUTPUT": it began so
// long ago, and the first of those in a row that were not ok since then. The hook handOver/leaving
// is that of a pod that goes for good.
func (w *world) hookRun(t *testing.T, line string) plan.HookRun {
	t.Helper()
	head, output, _ := strings.Cut(line, ":")
	fields := strings.Fields(head)
	ago := func(text string) time.Time {
		age, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("hook run %q: %v", line, err)
		}
		return now.Add(-age)
	}
	pod, in, isPeer := strings.Cut(fields[0], "@")
	if !isPeer {
		in = pod
	}
	r := plan.HookRun{
		UID: types.UID("uid-" + pod), In: types.UID("uid-" + in), Name: fields[1], Revision: w.revision(w.Template, 0).Name,
		OK: fields[2] == "ok", Denied: fields[2] == "denied", NotYet: fields[2] == "notyet",
		Began: ago(fields[3]), Since: ago(fields[len(fields)-1]), Output: strings.TrimSpace(output),
	}
	if fields[2] != "running" {
		r.Ended = r.Began
	}
	if name, leaving := strings.CutSuffix(r.Name, "/leaving"); leaving {
		r.Name, r.Revision = name, leavingNow
	}
	if r.Name == plan.JoinHook || slices.ContainsFunc(w.Leaves, func(l string) bool { return strings.HasPrefix(l, pod+"!") }) {
		r.UID = types.UID(pod) // which is yet to come
	}
	for _, line := range w.Joins {
		if joins, since, _ := w.leaves(t, line); joins == pod && r.Name == plan.JoinHook {
			r.Revision = since.Format(time.RFC3339Nano)
		}
	}
	for _, line := range w.Leaves {
		if leaves, since, _ := w.leaves(t, line); strings.TrimSuffix(leaves, "!") == pod && (r.Name == plan.LeaveHook || r.Name == plan.CancelHook) {
			r.Revision = since.Format(time.RFC3339Nano)
		}
	}
	return r
}
