package impact

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/plugin/goldentest"
	"ordinal.dev/ordinal/internal/revision"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// atRest is a set of two replicas, made an hour ago, whose pods are available.
func atRest(t *testing.T, name string) *plan.Snapshot {
	t.Helper()
	labels := map[string]string{"app": name}
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "db", UID: "set", Generation: 1, CreationTimestamp: metav1.NewTime(now.Add(-time.Hour))},
		Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To[int32](2), RevisionHistoryLimit: ptr.To[int32](10),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
				Containers: []corev1.Container{{Name: "main", Image: "db:1"}},
			}},
		},
	}
	s := &plan.Snapshot{Now: now, Set: set}
	addRevision(t, s, 1)
	for _, pod := range []string{name + "-0", name + "-1"} {
		s.Pods = append(s.Pods, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name: pod, Namespace: "db", UID: "pod", OwnerReferences: s.Revisions[0].OwnerReferences,
				CreationTimestamp: metav1.NewTime(now.Add(-time.Hour)),
				Labels: map[string]string{
					"app": name, appsv1.StatefulSetRevisionLabel: s.Revisions[0].Name,
					appsv1.StatefulSetPodNameLabel: pod, appsv1.PodIndexLabel: pod[len(pod)-1:],
				},
			},
			Spec: set.Spec.Template.Spec,
			Status: corev1.PodStatus{
				Phase:      corev1.PodRunning,
				Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			},
		})
	}
	set.Status = appsv1.StatefulSetStatus{ObservedGeneration: 1, Replicas: 2, CurrentRevision: s.Revisions[0].Name, UpdateRevision: s.Revisions[0].Name}
	return s
}

// addRevision records the set's template as it is now.
func addRevision(t *testing.T, s *plan.Snapshot, number int64) {
	t.Helper()
	history, err := revision.New(s.Set, number, 0)
	if err != nil {
		t.Fatal(err)
	}
	history.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(s.Set, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))}
	s.Revisions = append(s.Revisions, history)
}

func TestImpactIsWhatTakingWouldChange(t *testing.T) {
	quiet := func(t *testing.T) *plan.Snapshot { return atRest(t, "quiet") }
	noService := func(t *testing.T) *plan.Snapshot {
		s := atRest(t, "etcd")
		s.Set.Spec.ServiceName = "etcd-peers"
		return s
	}
	// A bad revision, whose one pod cannot start, and a good one after it.
	stuck := func(t *testing.T) *plan.Snapshot {
		s := atRest(t, "kafka")
		s.Set.Spec.Template.Spec.Containers[0].Image = "db:typo"
		addRevision(t, s, 2)
		bad := s.Pods[1]
		bad.Labels[appsv1.StatefulSetRevisionLabel] = s.Revisions[1].Name
		bad.Status = corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{
			{Name: "main", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}},
		}}
		s.Set.Spec.Template.Spec.Containers[0].Image = "db:2"
		addRevision(t, s, 3)
		s.Set.Status.UpdateRevision = s.Revisions[2].Name
		return s
	}
	rolling := func(t *testing.T) *plan.Snapshot {
		s := atRest(t, "redis")
		s.Set.Generation++
		s.Set.Spec.Template.Spec.Containers[0].Image = "db:2"
		return s
	}
	// One pod and its claim are gone.
	missing := func(t *testing.T) *plan.Snapshot {
		s := atRest(t, "mysql")
		s.Set.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}}
		s.Revisions = nil
		addRevision(t, s, 1)
		s.Set.Status.CurrentRevision, s.Set.Status.UpdateRevision = s.Revisions[0].Name, s.Revisions[0].Name
		s.Pods = s.Pods[:1]
		s.Pods[0].Labels[appsv1.StatefulSetRevisionLabel] = s.Revisions[0].Name
		return s
	}
	odd := func(t *testing.T) *plan.Snapshot {
		s := atRest(t, "odd")
		s.Set.Spec.Ordinals = &appsv1.StatefulSetOrdinals{Start: 2147483647}
		return s
	}
	for name, sets := range map[string][]func(*testing.T) *plan.Snapshot{
		"none":    {},
		"at-rest": {quiet},
		"mixed":   {stuck, odd, rolling, quiet, noService, missing},
	} {
		t.Run(name, func(t *testing.T) {
			i := Impact{}
			for _, make := range sets {
				s := make(t)
				i.Sets = append(i.Sets, Of(*s, plan.Make(*s)))
			}
			i.Sort()
			goldentest.Check(t, name, i.String())
		})
	}
}
