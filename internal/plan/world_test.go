package plan_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/api/v1alpha1"
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
	// Current is the revision that the set's status names, Updating the one that it names as
	// the update's; that of the template if not given.
	Current  string `json:"current"`
	Updating string `json:"updating"`
	// Marks are annotations of revisions: the name without "ordinal.dev/", and the value.
	Marks map[string]map[string]string `json:"marks"`
	// Policies are those of the set, each two seconds younger than the one before; the
	// first is named "web", the next "web-2".
	Policies []v1alpha1.StatefulSetPolicy `json:"policies"`
	// Policy is short for the spec of a single one.
	Policy *v1alpha1.StatefulSetPolicySpec `json:"policy"`
	// Pods are "NAME REVISION STATE [AGE [LABEL=VALUE]…]", see podStates.
	Pods []string `json:"pods"`
	// Claims are names, with optional remarks: see claim.
	Claims []string `json:"claims"`
	// Service is spec.serviceName's, if it exists.
	Service *corev1.Service `json:"service"`
	// Absent is for how long there has been none; an hour if not given.
	Absent *metav1.Duration `json:"absent"`
	// LastService is the Service as it was last seen, ServiceRefused for how long a write
	// of it has been refused.
	LastService    *corev1.Service  `json:"lastService"`
	ServiceRefused *metav1.Duration `json:"serviceRefused"`
	NamespaceEnds  bool             `json:"namespaceEnds"`
	// Sharing are other sets with the same spec.serviceName, Neighbours other pods of the
	// namespace: see neighbour.
	Sharing    []appsv1.StatefulSet `json:"sharing"`
	Neighbours []string             `json:"neighbours"`
	Failures   map[int]plan.Failure `json:"failures"`
	// Healed is what the last plan said of it.
	Healed []int `json:"healed"`
	// Closely are pods that have been read whole, by name.
	Closely  map[string]closeUp `json:"closely"`
	NoResize bool               `json:"noResize"`
	// ResizeRefused is the pod whose resize was refused.
	ResizeRefused string `json:"resizeRefused"`
	// HookRuns are "POD HOOK ok|no|notyet|running|denied AGE [SINCE]: OUTPUT", see hookRun.
	HookRuns []string `json:"hookRuns"`
	// Leaves are pods that leave for good: "POD [SINCE [LEFT]]", the last two as ages. With
	// "POD!" it never had a pod. Joins are those that join, in the same way, and Members are
	// who is a member, such as "0-2".
	Leaves  []string `json:"leaves"`
	Joins   []string `json:"joins"`
	Members string   `json:"members"`
	// NotedTwice says that all of that is noted on two revisions.
	NotedTwice bool `json:"notedTwice"`
	// Bore is which revision a pod had that is gone, by its ordinal.
	Bore map[int]string `json:"bore"`
	// MembersBefore is what the policy said when pods were made with overridden=before.
	MembersBefore *v1alpha1.Members `json:"membersBefore"`
	// Untried says that the API server was not asked about overrides, RefusesOverride why it
	// refuses the pod of an ordinal with one, and MayPass that this may pass.
	Untried         bool           `json:"untried"`
	RefusesOverride map[int]string `json:"refusesOverride"`
	MayPass         bool           `json:"mayPass"`
	// ClaimsNow are claims as the API server has them, where the caches are behind.
	ClaimsNow []string `json:"claimsNow"`
	// ClaimsRefused are changes of claims that were refused, "NAME COUNT AGE: MESSAGE".
	ClaimsRefused []string `json:"claimsRefused"`
	// Unrecorded says that no revision says what was asked of claims with it.
	Unrecorded bool `json:"unrecorded"`
	// ClaimsGone are claims that the API server has not; Volumes are what is known of volumes:
	// on which nodes they are that do not exist, or "?" with why nothing is known.
	ClaimsGone []string          `json:"claimsGone"`
	Volumes    map[string]string `json:"volumes"`
	// EvictionRefused is for which pod, since when and how long ago: "web-1 30s 2s".
	EvictionRefused string `json:"evictionRefused"`
	// Events are "OBJECT TYPE REASON AGE: MESSAGE".
	Events   []string       `json:"events"`
	Refused  *plan.Refusal  `json:"refused"`
	Disabled []plan.Feature `json:"disabled"`
	// Leaving are sets that are given back.
	Leaving []string `json:"leaving"`
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
	if w.namePolicies(); len(w.Policies) > 0 {
		set.Status.UpdateRevision = w.revision(cmp.Or(w.Updating, w.Template), 0).Name
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
		Healed: w.Healed, Refused: w.Refused, Disabled: w.Disabled, Leaving: w.Leaving, LastService: w.LastService.DeepCopy(), NamespaceEnds: w.NamespaceEnds, Claims: map[string]*corev1.PersistentVolumeClaim{},
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
	w.closeUps(&s, t)
	for _, line := range w.HookRuns {
		s.HookRuns = append(s.HookRuns, w.hookRun(t, line))
	}
	s.DryRuns = w.dryRuns()
	s.Policies, s.Bore, s.EvictionRefused = w.policies(), w.borne(), w.evictionRefused(t)
	for _, line := range w.Neighbours {
		s.Neighbours = append(s.Neighbours, w.neighbour(t, line))
	}
	for i, name := range w.History {
		r := w.revision(strings.TrimPrefix(name, "?"), int64(i+1))
		if strings.HasPrefix(name, "?") {
			r.OwnerReferences = nil
		}
		isNotedOn := i == 0 || i == 1 && w.NotedTwice
		if isNotedOn && len(w.Leaves) > 0 {
			metav1.SetMetaDataAnnotation(&r.ObjectMeta, plan.LeavingAnnotation, w.departures(t))
		}
		if isNotedOn && w.Members+strings.Join(w.Joins, "") != "" {
			metav1.SetMetaDataAnnotation(&r.ObjectMeta, plan.MembersAnnotation, w.membership(t))
		}
		for key, value := range w.Marks[strings.TrimPrefix(name, "?")] {
			metav1.SetMetaDataAnnotation(&r.ObjectMeta, "ordinal.dev/"+key, value)
		}
		s.Revisions = append(s.Revisions, r)
	}
	for _, line := range w.Pods {
		s.Pods = append(s.Pods, w.pod(t, line))
	}
	for _, line := range w.Claims {
		c := w.claim(t, line)
		s.Claims[c.Name] = c
		w.lookAtClaim(&s, c)
	}
	for _, line := range w.ClaimsNow {
		w.lookAtClaim(&s, w.claim(t, line))
	}
	w.refusedClaims(t, &s)
	w.lostClaims(&s)
	for _, line := range w.Events {
		s.Reported = append(s.Reported, report(t, line))
	}
	w.recordWanted(&s)
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
	return w.shortenOverrides(text)
}

// pod parses "NAME REVISION STATE [AGE [LABEL=VALUE]…]"; moving=B, resizing=B and back=B are no
// labels, but say that it is being updated in place, or goes back, and broken=X is what says so; surge=X, that it is extra; overridden=now, that it was made with an override, see makeWith; handed-over=5s, since when it has. The age, a minute if not given, is the
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
	for _, label := range fields[min(4, len(fields)):] {
		key, value, _ := strings.Cut(label, "=")
		if key == "handed-over" { // as primary, to web-0, so long ago: 5s, or 5s@B for another revision, or 5s@leaving
			ago, image, _ := strings.Cut(value, "@")
			age, err := time.ParseDuration(ago)
			if err != nil {
				t.Fatalf("pod %q: %v", line, err)
			}
			round := leavingNow
			if image != "leaving" {
				round = w.revision(cmp.Or(image, w.Template), 0).Name
			}
			metav1.SetMetaDataAnnotation(&pod.ObjectMeta, plan.HandedOverAnnotation,
				fmt.Sprintf(`{"revision":%q,"to":"web-0","role":"primary","at":%q}`, round, now.Add(-age).Format(time.RFC3339)))
			continue
		}
		if key == "overridden" {
			w.makeWith(pod, value)
			continue
		}
		if key == "added" { // as its claims beside the set's own
			metav1.SetMetaDataAnnotation(&pod.ObjectMeta, plan.AddedAnnotation, value)
			continue
		}
		if key == "surge" {
			metav1.SetMetaDataAnnotation(&pod.ObjectMeta, plan.SurgeAnnotation, value)
			continue
		}
		if key == "broken" {
			metav1.SetMetaDataAnnotation(&pod.ObjectMeta, plan.InPlaceAnnotation, value)
			continue
		}
		if key == "moving" || key == "resizing" || key == "back" {
			metav1.SetMetaDataAnnotation(&pod.ObjectMeta, plan.InPlaceAnnotation, w.mark(pod, value, key))
			continue
		}
		pod.Labels[key] = value
	}
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
