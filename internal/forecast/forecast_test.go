package forecast_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/forecast"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/override"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/revision"
)

var update = flag.Bool("update", false, "rewrite the golden files' forecasts")

var now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// scene is a set and a change of it in short hand. The pod template of revision "A" is the
// set's with the image "app:A".
type scene struct {
	// Set is the set as it is, with the gaps filled in; Image is the revision of its
	// template.
	Set   appsv1.StatefulSet `json:"set"`
	Image string             `json:"image"`
	// New is for a set that does not exist yet.
	New bool `json:"new"`
	// Change is a strategic merge patch of the set.
	Change json.RawMessage `json:"change"`
	// History are the revisions that there are, oldest first.
	History []string `json:"history"`
	// Pods are "NAME REVISION STATE [AGE] [role=ROLE]"; the state is ready, unready, pending, nopull or
	// terminating.
	Pods []string `json:"pods"`
	// Claims are those that there are beside those of pods.
	Claims  []string          `json:"claims"`
	Service *corev1.Service   `json:"service"`
	Storage *forecast.Storage `json:"storage"`
	Current string            `json:"current"`
	// Members is what the policy said of them when the pods were made.
	Members *v1alpha1.Members `json:"members"`
	// Policy is what the set's policy says, if it has one.
	Policy *v1alpha1.StatefulSetPolicySpec `json:"policy"`
}

// TestGolden checks every file under testdata: a change in YAML, a line "---", and what
// comes of it as text.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".golden"), func(t *testing.T) { checkGolden(t, file) })
	}
}

func checkGolden(t *testing.T, file string) {
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	input, want, _ := strings.Cut(string(content), "\n---\n")
	input = strings.TrimRight(input, "\n")
	c, shorten := parse(t, input).change(t)
	untouched, _ := parse(t, input).change(t)
	f := forecast.Run(c)
	if diff := cmp.Diff(untouched, c); diff != "" {
		t.Errorf("the forecast changed what it was given:\n%s", diff)
	}
	got := shorten(f.String())
	if *update {
		if err := os.WriteFile(file, []byte(input+"\n---\n"+got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the forecast differs (-want +got):\n%s", diff)
	}
}

func parse(t *testing.T, text string) *scene {
	t.Helper()
	s := &scene{}
	if err := yaml.UnmarshalStrict([]byte(text), s); err != nil {
		t.Fatal(err)
	}
	set := &s.Set
	set.Name, set.Namespace, set.UID = "web", "shop", "uid-web"
	set.CreationTimestamp = metav1.NewTime(now.Add(-time.Hour))
	set.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	set.Spec.Template.Labels = map[string]string{"app": "web"}
	if len(set.Spec.Template.Spec.Containers) == 0 {
		set.Spec.Template.Spec.Containers = []corev1.Container{{Name: "app"}}
	}
	set.Spec.Template.Spec.Containers[0].Image = "app:" + s.Image
	return s
}

// revision is the one of an image, which is the set's otherwise.
func (s *scene) revision(t *testing.T, set *appsv1.StatefulSet, image string, number int64) *appsv1.ControllerRevision {
	t.Helper()
	set = set.DeepCopy()
	set.Spec.Template.Spec.Containers[0].Image = image
	r, err := revision.New(set, number, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.CreationTimestamp = set.CreationTimestamp
	return r
}

// change is the scene as a change, and what puts images in place of hashes.
func (s *scene) change(t *testing.T) (c forecast.Change, shorten func(string) string) {
	t.Helper()
	var names []string
	snapshot := plan.Snapshot{Now: now, Service: s.Service, Claims: map[string]*corev1.PersistentVolumeClaim{}}
	if s.Policy != nil {
		snapshot.Policies = []*v1alpha1.StatefulSetPolicy{{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: *s.Policy}}
	}
	revisions := map[string]*appsv1.ControllerRevision{}
	for i, image := range s.History {
		r := s.revision(t, &s.Set, "app:"+image, int64(i+1))
		snapshot.Revisions, revisions[image] = append(snapshot.Revisions, r), r
		names = append(names, r.Name, "web-"+image)
	}
	if s.Current == "" {
		s.Current = s.Image
	}
	if r := revisions[s.Current]; r != nil {
		s.Set.Status.CurrentRevision = r.Name
	}
	for _, line := range s.Pods {
		pod := s.pod(t, line, revisions)
		snapshot.Pods = append(snapshot.Pods, pod)
		_, ordinal, _ := identity.Parse(pod.Name)
		for _, template := range identity.ClaimTemplates(&s.Set) {
			claim := identity.NewClaim(&s.Set, template, ordinal)
			claim.UID, claim.Status.Phase, claim.Status.Capacity = types.UID("uid-"+claim.Name), corev1.ClaimBound, claim.Spec.Resources.Requests
			if claim.Spec.StorageClassName == nil {
				claim.Spec.StorageClassName = ptr.To("standard")
			}
			snapshot.Claims[claim.Name] = claim
		}
	}
	for _, name := range s.Claims {
		claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", UID: types.UID("uid-" + name)}}
		claim.Status.Phase = corev1.ClaimBound
		snapshot.Claims[name] = claim
	}
	after := s.Set.DeepCopy()
	if s.Change != nil {
		before, err := json.Marshal(&s.Set)
		if err != nil {
			t.Fatal(err)
		}
		changed, err := strategicpatch.StrategicMergePatch(before, s.Change, appsv1.StatefulSet{})
		if err != nil {
			t.Fatal(err)
		}
		after = &appsv1.StatefulSet{}
		if err := json.Unmarshal(changed, after); err != nil {
			t.Fatal(err)
		}
	}
	image := after.Spec.Template.Spec.Containers[0].Image
	short := "web-" + strings.TrimPrefix(image, "app:")
	if slices.Contains(names, short) { // it differs in more than the image
		short += "-changed"
	}
	names = append(names, s.revision(t, after, image, 1).Name, short)
	snapshot.Set = after
	c = forecast.Change{Before: &s.Set, Snapshot: snapshot, Storage: forecast.Storage{Known: true, Default: "standard", Classes: map[string]bool{"standard": true}}}
	if s.New {
		c.Before = nil
	}
	if s.Storage != nil {
		c.Storage = *s.Storage
	}
	return c, strings.NewReplacer(names...).Replace
}

func (s *scene) pod(t *testing.T, line string, revisions map[string]*appsv1.ControllerRevision) *corev1.Pod {
	t.Helper()
	fields := strings.Fields(line)
	if len(fields) < 3 || revisions[fields[1]] == nil {
		t.Fatalf("pod %q: want NAME REVISION STATE [AGE], with a revision of the history", line)
	}
	age, role := time.Minute, ""
	if name, is := strings.CutPrefix(fields[len(fields)-1], "role="); is {
		role, fields = name, fields[:len(fields)-1]
	}
	if len(fields) > 3 {
		var err error
		if age, err = time.ParseDuration(fields[3]); err != nil {
			t.Fatal(err)
		}
	}
	template, err := revision.Template(revisions[fields[1]])
	if err != nil {
		t.Fatal(err)
	}
	_, ordinal, _ := identity.Parse(fields[0])
	pod := identity.NewPod(&s.Set, template, revisions[fields[1]].Name, ordinal)
	overrides := override.Of(s.Members)
	override.Mark(pod, overrides.For(ordinal))
	since := metav1.NewTime(now.Add(-age))
	if role != "" {
		pod.Labels["role"] = role
	}
	pod.UID, pod.CreationTimestamp, pod.Spec.NodeName = types.UID("uid-"+pod.Name), since, "node"
	status := corev1.ConditionFalse
	container := corev1.ContainerStatus{Name: "app", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
	pod.Status.Phase = corev1.PodRunning
	switch fields[2] {
	case "ready":
		status, container.Ready = corev1.ConditionTrue, true
	case "unready":
	case "pending":
		pod.Status.Phase, container.State = corev1.PodPending, corev1.ContainerState{}
	case "nopull":
		pod.Status.Phase = corev1.PodPending
		container.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}
	case "terminating":
		pod.DeletionTimestamp = &since
	default:
		t.Fatalf("pod %q: no such state", line)
	}
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status, LastTransitionTime: since}}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{container}
	return pod
}

// A set of a size that nobody means does not keep a person waiting.
func TestAForecastOfTooManyPodsIsGivenUp(t *testing.T) {
	s, billions := parse(t, `{image: A, new: true}`), int32(2_000_000_000)
	s.Set.Spec.Replicas, s.Set.Spec.PodManagementPolicy = &billions, appsv1.ParallelPodManagement
	c, _ := s.change(t)
	f := forecast.Run(c)
	if f.Finishes || !strings.Contains(f.String(), "no end is in sight after") {
		t.Errorf("with %d pods it says that it finishes: %t, %v", len(f.Created), f.Finishes, f.Waits)
	}
}

func TestNewSetsComeToRest(t *testing.T) {
	for _, policy := range []appsv1.PodManagementPolicyType{appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement} {
		for _, replicas := range []int32{0, 1, 7, 60} {
			s := parse(t, `{image: B, new: true}`)
			s.Set.Spec.PodManagementPolicy, s.Set.Spec.Replicas, s.Set.Spec.MinReadySeconds = policy, &replicas, 5
			c, _ := s.change(t)
			f := forecast.Run(c)
			if !f.Finishes || len(f.Created) != int(replicas) || f.Available != int(replicas) {
				t.Errorf("%s, %d replicas: %s", policy, replicas, &f)
			}
			if ordered := slices.IsSorted(ordinals(f.Created)); !ordered {
				t.Errorf("%s: the order is %v", policy, f.Created)
			}
		}
	}
}

func ordinals(pods []string) []int {
	var all []int
	for _, pod := range pods {
		_, ordinal, _ := identity.Parse(pod)
		all = append(all, ordinal)
	}
	return all
}
