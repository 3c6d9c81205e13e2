package controller

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/revision"
)

// What is stripped before it is cached must not change any plan.
func TestACachedPodPlansLikeTheWholeOne(t *testing.T) {
	set := web(2)
	set.Spec.MinReadySeconds = 5
	whole := identity.NewPod(set, &set.Spec.Template, "web-1", 0)
	whole.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubelet"}}
	whole.Annotations = map[string]string{"big": "text"}
	whole.Spec.NodeName = "node"
	whole.Spec.Volumes = append(whole.Spec.Volumes, corev1.Volume{Name: "tmp"})
	whole.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, Reason: "Why", Message: "words", PodIP: "10.0.0.1",
		Conditions:            []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}},
		ContainerStatuses:     []corev1.ContainerStatus{{Name: "app", Image: "app", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}}},
		InitContainerStatuses: []corev1.ContainerStatus{{Name: "init", Ready: true}},
	}
	kept := stripped(whole.DeepCopy())
	if kept.ManagedFields != nil || kept.Annotations != nil || kept.Spec.NodeName != "" || kept.Status.PodIP != "" ||
		len(kept.Spec.Volumes) != 1 || kept.Status.ContainerStatuses[0].Image != "" {
		t.Errorf("kept more than plans read: %+v", kept)
	}
	planned := func(pod *corev1.Pod) string {
		p := plan.Make(plan.Snapshot{Set: set, Pods: []*corev1.Pod{pod}})
		return p.String()
	}
	if diff := cmp.Diff(planned(whole), planned(kept)); diff != "" {
		t.Errorf("the stripped pod plans differently:\n%s", diff)
	}
}

// What tells whether a pod ever started, and how long it has had a node, is kept.
func TestACachedPodThatHasNotStartedPlansLikeTheWholeOne(t *testing.T) {
	set := web(1)
	now := time.Unix(1000, 0)
	for what, change := range map[string]func(*corev1.Pod){
		"never started":  func(*corev1.Pod) {},
		"has no node":    func(p *corev1.Pod) { p.Spec.NodeName = "" },
		"taken just now": func(p *corev1.Pod) { p.Status.StartTime = &metav1.Time{Time: now.Add(-time.Second)} },
		"restarted":      func(p *corev1.Pod) { p.Status.ContainerStatuses[0].RestartCount = 3 },
		"ended before": func(p *corev1.Pod) {
			p.Status.InitContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1}
		},
		"has no grace": func(p *corev1.Pod) { p.Spec.TerminationGracePeriodSeconds = ptr.To[int64](0) },
		"has grace":    func(p *corev1.Pod) { p.Spec.TerminationGracePeriodSeconds = ptr.To[int64](30) },
	} {
		pod := identity.NewPod(set, &set.Spec.Template, "web-old", 0)
		pod.Spec.NodeName, pod.CreationTimestamp = "node", metav1.Time{Time: now.Add(-time.Hour)}
		creating := []corev1.ContainerStatus{{Name: "app", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}}}
		pod.Status = corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: creating, InitContainerStatuses: slices.Clone(creating)}
		change(pod)
		planned := func(pod *corev1.Pod) string {
			p := plan.Make(plan.Snapshot{Now: now, Set: set, Pods: []*corev1.Pod{pod}})
			return p.String()
		}
		whole := planned(pod)
		if diff := cmp.Diff(whole, planned(stripped(pod))); diff != "" {
			t.Errorf("%s: the stripped pod plans differently:\n%s", what, diff)
		}
		if replaced, want := strings.Contains(whole, "delete pod web-0"), !strings.Contains("taken just now, restarted, ended before", what); replaced != want {
			t.Errorf("%s: replaced is %t\n%s", what, replaced, whole)
		}
	}
}

func TestOfOtherPodsOnlyTheNameIsCached(t *testing.T) {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web-7d4b9-x2x4z", Namespace: "default", UID: "uid", Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}}, Status: corev1.PodStatus{Phase: corev1.PodRunning},
	}
	want := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-7d4b9-x2x4z", Namespace: "default", UID: "uid"}}
	if diff := cmp.Diff(want, stripped(pod)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOfClaimsAndServicesOnlyWhatIsReadIsCached(t *testing.T) {
	owners := []metav1.OwnerReference{{Kind: "StatefulSet", Name: "web"}}
	for phase, kept := range map[corev1.PersistentVolumeClaimPhase]corev1.PersistentVolumeClaimSpec{
		corev1.ClaimBound:   {},
		corev1.ClaimPending: {VolumeName: "pv", StorageClassName: ptr.To("fast")},
	} {
		status := corev1.PersistentVolumeClaimStatus{Phase: phase}
		claim := stripped(&corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Name: "data-web-0", Labels: map[string]string{"a": "b"}, OwnerReferences: owners},
			Spec:       corev1.PersistentVolumeClaimSpec{VolumeName: "pv", StorageClassName: ptr.To("fast"), VolumeMode: ptr.To(corev1.PersistentVolumeBlock)},
			Status:     corev1.PersistentVolumeClaimStatus{Phase: phase, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}},
		})
		want := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "data-web-0", OwnerReferences: owners}, Spec: kept, Status: status}
		if diff := cmp.Diff(want, claim); diff != "" {
			t.Errorf("a claim that is %s (-want +got):\n%s", phase, diff)
		}
	}
	spec := corev1.ServiceSpec{ClusterIP: "None", Selector: map[string]string{"app": "web"}}
	full := spec
	full.Ports = []corev1.ServicePort{{Port: 80}}
	service := stripped(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "peers", OwnerReferences: owners}, Spec: full})
	if diff := cmp.Diff(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "peers", OwnerReferences: owners}, Spec: spec}, service); diff != "" {
		t.Errorf("Service (-want +got):\n%s", diff)
	}
}

func TestOfRevisionsOnlyThoseOfSetsAreCachedWhole(t *testing.T) {
	ours, err := revision.New(web(3), 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := ours.DeepCopy()
	ours.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: "{}"}
	if diff := cmp.Diff(want, stripped(ours)); diff != "" {
		t.Errorf("a set's revision (-want +got):\n%s", diff)
	}
	orphan := want.DeepCopy()
	orphan.OwnerReferences = nil
	if diff := cmp.Diff(orphan.DeepCopy(), stripped(orphan)); diff != "" {
		t.Errorf("a revision that may be adopted (-want +got):\n%s", diff)
	}
	foreign := want.DeepCopy()
	foreign.OwnerReferences[0].Kind = "DaemonSet"
	if kept := stripped(foreign); kept.Name != want.Name || len(kept.Data.Raw) > 0 || len(kept.Labels) > 0 {
		t.Errorf("of a DaemonSet's revision is kept %+v, want the name and the owner", kept)
	}
}

func TestOfSetsAllIsCachedButWhoSetWhichField(t *testing.T) {
	set := web(3)
	set.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	if diff := cmp.Diff(web(3), stripped(set)); diff != "" {
		t.Errorf("set (-want +got):\n%s", diff)
	}
}

func stripped[T client.Object](object T) T {
	strip(object)
	return object
}

func TestAPodConcernsTheSetsOfItsOwnerAndOfItsName(t *testing.T) {
	owned := func(kind, name string) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: name, Controller: ptr.To(true)}}
	}
	for _, test := range []struct {
		pod    string
		owners []metav1.OwnerReference
		want   []string
	}{
		{"web-0", owned("StatefulSet", "web"), []string{"web"}},
		{"web-0", nil, []string{"web"}},
		{"web-0", owned("StatefulSet", "other"), []string{"other", "web"}},
		{"web-0", owned("ReplicaSet", "other"), []string{"web"}},
		{"renamed", owned("StatefulSet", "web"), []string{"web"}},
		{"web-7d4b9-x2x4z", owned("ReplicaSet", "web-7d4b9"), nil},
	} {
		got := podSets(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: test.pod, OwnerReferences: test.owners}})
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s of %v (-want +got):\n%s", test.pod, test.owners, diff)
		}
	}
}

func TestASnapshotHoldsWhatConcernsTheSetAndNothingElse(t *testing.T) {
	set := web(2)
	revision := func(name string, owner types.UID, labels map[string]string) *appsv1.ControllerRevision {
		r := &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: labels}}
		if owner != "" {
			r.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "web", UID: owner, Controller: ptr.To(true)}}
		}
		return r
	}
	claim := func(name string) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	}
	other := orphan(0)
	other.Name, other.Namespace = "web-0", "elsewhere"
	stranger := orphan(0)
	stranger.Name = "db-0"
	w := newWorld(t, set, orphan(0), orphan(7), other, stranger,
		revision("mine", "uid-web", set.Spec.Template.Labels), revision("orphan", "", set.Spec.Template.Labels),
		revision("anothers", "uid-other", set.Spec.Template.Labels), revision("unlike", "", nil),
		claim("data-web-0"), claim("data-web-7"), claim("data-web-5"), claim("data-db-0"))
	s, err := Load(t.Context(), w.api, "default", "web", w.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, pod := range s.Pods {
		got = append(got, "pod "+pod.Name)
	}
	for _, r := range s.Revisions {
		got = append(got, "revision "+r.Name)
	}
	for _, name := range []string{"data-web-0", "data-web-5", "data-web-7", "data-db-0"} {
		if s.Claims[name] != nil {
			got = append(got, "claim "+name)
		}
	}
	want := []string{"pod web-0", "pod web-7", "revision mine", "revision orphan", "claim data-web-0", "claim data-web-7"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// seenUpTo is a cache that has seen a version and some objects.
type seenUpTo struct {
	at      string
	objects map[string]metav1.Object
}

func (s seenUpTo) version(kind) string { return s.at }

func (s seenUpTo) object(_ kind, key types.NamespacedName) metav1.Object {
	if o, ok := s.objects[key.Name]; ok {
		return o
	}
	return nil
}

func TestAWriteIsExpectedUntilTheCacheHasItsVersion(t *testing.T) {
	var e expectations
	e.wrote(kindPod, "100")
	e.wrote(kindPod, "99") // a slower answer of an earlier write
	for _, at := range []string{"9", "99"} {
		if e.pending(seenUpTo{at: at}) != kindPod {
			t.Errorf("satisfied at version %q", at)
		}
	}
	if k := e.pending(seenUpTo{at: "100"}); k != "" {
		t.Errorf("still waiting for %s at version 100", k)
	}
	e.wrote(kindPod, "200")
	if k := e.pending(seenUpTo{}); k != "" {
		t.Errorf("waiting for %s in a cache that cannot tell", k)
	}
	if k := e.pending(seenUpTo{at: "1"}); k != "" {
		t.Error("what was seen once is waited for again")
	}
}

func TestADeletionIsExpectedUntilTheObjectIsGoingOrGone(t *testing.T) {
	pod := func(uid types.UID) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-0", UID: uid}}
	}
	going := pod("a")
	going.DeletionTimestamp = &metav1.Time{}
	for name, test := range map[string]struct {
		object  metav1.Object
		pending bool
	}{
		"still there": {pod("a"), true}, "going": {going, false}, "another of its name": {pod("b"), false},
	} {
		var e expectations
		e.deleted(kindPod, pod("a"))
		got := e.pending(seenUpTo{objects: map[string]metav1.Object{"web-0": test.object}})
		if (got != "") != test.pending {
			t.Errorf("%s: waiting for %q", name, got)
		}
	}
	var e expectations
	e.deleted(kindPod, pod("a"))
	if got := e.pending(seenUpTo{}); got != "" {
		t.Errorf("gone: waiting for %q", got)
	}
}

func TestFlagsSetOptionsAndRefuseNonsense(t *testing.T) {
	for _, test := range []struct {
		edit func(*Options)
		ok   bool
	}{
		{func(*Options) {}, true},
		{func(o *Options) { o.Workers = 0 }, false},
		{func(o *Options) { o.QPS = 0 }, false},
		{func(o *Options) { o.QPS = float32(math.NaN()) }, false},
	} {
		o := DefaultOptions()
		test.edit(&o)
		if err := o.validate(); (err == nil) != test.ok {
			t.Errorf("%+v: %v", o, err)
		}
	}
	var list featureList
	if err := list.Set("heal, back-off"); err != nil || list.String() != "heal,back-off" {
		t.Errorf("%q, %v", list.String(), err)
	}
	if err := list.Set("heel"); err == nil {
		t.Error("a misspelt feature is accepted")
	}
}
