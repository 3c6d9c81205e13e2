package queue

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/controllertest"
	"ordinal.dev/ordinal/internal/controller/snapshot"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/revision"
)

// member is web-0 as it is created and cached, and then changed.
func member(t *testing.T, changes ...func(*corev1.Pod)) *corev1.Pod {
	t.Helper()
	set := controllertest.Web(1)
	pod := identity.NewPod(set, &set.Spec.Template, "web-1", 0)
	pod.UID, pod.ResourceVersion, pod.Status.Phase = "uid-web-0", "1", corev1.PodPending
	for i, change := range changes {
		pod.ResourceVersion = string(rune('2' + i))
		change(pod)
	}
	if _, err := snapshot.NewEmptyCache().Observe(pod, false); err != nil {
		t.Fatal(err)
	}
	return pod
}

func revisionOf(t *testing.T, set *appsv1.StatefulSet) *appsv1.ControllerRevision {
	t.Helper()
	r, err := revision.New(set, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func deleted(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }
func runs(p *corev1.Pod)    { p.Status.Phase = corev1.PodRunning }
func fails(p *corev1.Pod)   { p.Status.Phase = corev1.PodFailed }
func hasNoNode(p *corev1.Pod) {
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse}}
}
func hasNode(p *corev1.Pod) {
	p.Spec.NodeName = "node"
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}}
}
func isAnother(p *corev1.Pod)  { p.UID = "another" }
func isReleased(p *corev1.Pod) { p.OwnerReferences = nil }

func TestWhatAChangeOfAPodMeans(t *testing.T) {
	for what, change := range map[string]struct {
		was, is client.Object
		want    Significance
	}{
		"it got a node":               {member(t), member(t, hasNode), Irrelevant},
		"it was annotated":            {member(t), member(t, func(p *corev1.Pod) { p.Annotations = map[string]string{"note": "new"} }), Irrelevant},
		"it got an address":           {member(t), member(t, func(p *corev1.Pod) { p.Status.PodIP = "10.0.0.1" }), Irrelevant},
		"its spec's version":          {member(t), member(t, func(p *corev1.Pod) { p.Generation++ }), Irrelevant},
		"it was created":              {nil, member(t), StatusOnly},
		"it is being deleted":         {member(t, runs), member(t, runs, deleted), StatusOnly},
		"it ends, in deletion":        {member(t, runs, deleted), member(t, runs, deleted, fails), StatusOnly},
		"no node takes it":            {member(t), member(t, hasNoNode), Actionable},
		"it is another":               {member(t), member(t, isAnother), Actionable},
		"it is another, in deletion":  {member(t), member(t, isAnother, deleted), Actionable},
		"it is released, in deletion": {member(t, deleted), member(t, deleted, isReleased), Actionable},
		"it lost its labels":          {member(t), member(t, func(p *corev1.Pod) { p.Labels = nil }), Actionable},
		"it lost its owner":           {member(t), member(t, isReleased), Actionable},
		"it runs":                     {member(t), member(t, runs), Actionable},
		"it ends":                     {member(t, runs), member(t, runs, fails), Actionable},
		"its claims changed":          {member(t), member(t, func(p *corev1.Pod) { p.Spec.Volumes = nil }), Actionable},
		"it is shown again":           {member(t), member(t), Actionable},
		"it came as an orphan":        {nil, member(t, isReleased), Actionable},
		"it came running":             {nil, member(t, runs), Actionable},
		"it came without a node":      {nil, member(t, hasNoNode), Actionable},
		"a revision was created":      {nil, revisionOf(t, controllertest.Web(1)), StatusOnly},
		"a revision came orphaned":    {nil, &appsv1.ControllerRevision{}, Actionable},
		"a revision changed":          {revisionOf(t, controllertest.Web(1)), revisionOf(t, controllertest.Web(1)), Actionable},
		"a set came":                  {nil, controllertest.Web(1), Actionable},
	} {
		if got := SignificanceOf(change.was, change.is); got != change.want {
			t.Errorf("%s: %d, want %d", what, got, change.want)
		}
	}
}
