package snapshot

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	whole.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: plan.FieldManager}, {Manager: "kubelet", Subresource: "status"}}
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

func TestOfOtherPodsOnlyWhatAServiceSelectsThemByIsCached(t *testing.T) {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web-7d4b9-x2x4z", Namespace: "default", UID: "uid", Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}}, Status: corev1.PodStatus{Phase: corev1.PodRunning},
	}
	want := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web-7d4b9-x2x4z", Namespace: "default", UID: "uid", Labels: pod.Labels},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
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
	for ip, kept := range map[string]bool{corev1.ClusterIPNone: true, "10.0.0.1": false} {
		whole := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{
				Name: "peers", OwnerReferences: owners, Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"c": "d"},
				ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "helm", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:ports":{}}}`)}},
			},
			Spec: corev1.ServiceSpec{ClusterIP: ip, Selector: map[string]string{"app": "web"}, Ports: []corev1.ServicePort{{Port: 80}}, Type: "ClusterIP"},
		}
		want := whole.DeepCopy()
		want.Spec.Type = ""
		want.ManagedFields[0].FieldsV1 = metav1.NewFieldsV1(`{"f:spec":{".":{}}}`)
		if !kept {
			want.Labels, want.Annotations, want.ManagedFields, want.Spec.Ports = nil, nil, nil, nil
		}
		if diff := cmp.Diff(want, stripped(whole)); diff != "" {
			t.Errorf("Service with cluster IP %s (-want +got):\n%s", ip, diff)
		}
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

// Who else acts on sets is kept, too: see package guard.
func TestOfSetsAllIsCachedButWhoSetWhichField(t *testing.T) {
	set := web(3)
	set.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "helm"}, {Manager: plan.FieldManager, Subresource: "status"}}
	if diff := cmp.Diff(web(3), stripped(set)); diff != "" {
		t.Errorf("set (-want +got):\n%s", diff)
	}
}

func stripped[T client.Object](object T) T {
	strip(object)
	return object
}

// How far a claim is that changes is cached, and of one at rest nothing of it.
func TestOfAClaimThatChangesHowFarItIsIsCached(t *testing.T) {
	size := func(amount string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(amount)}
	}
	whole := func(asked, has string) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Name: "data-web-0"},
			Spec:       corev1.PersistentVolumeClaimSpec{VolumeName: "pv", Resources: corev1.VolumeResourceRequirements{Requests: size(asked)}},
			Status: corev1.PersistentVolumeClaimStatus{
				Phase: corev1.ClaimBound, Capacity: size(has), AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Conditions:                []corev1.PersistentVolumeClaimCondition{{Type: corev1.PersistentVolumeClaimResizing, Status: corev1.ConditionTrue}},
				AllocatedResourceStatuses: map[corev1.ResourceName]corev1.ClaimResourceStatus{corev1.ResourceStorage: corev1.PersistentVolumeClaimControllerResizeInProgress},
			},
		}
	}
	growing := whole("2Gi", "1Gi")
	growing.Spec.VolumeName, growing.Status.AccessModes = "", nil
	if diff := cmp.Diff(growing, stripped(whole("2Gi", "1Gi"))); diff != "" {
		t.Errorf("a claim that grows (-want +got):\n%s", diff)
	}
	resting := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "data-web-0"}, Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound}}
	if diff := cmp.Diff(resting, stripped(whole("2Gi", "2Gi"))); diff != "" {
		t.Errorf("a claim at rest (-want +got):\n%s", diff)
	}
}
