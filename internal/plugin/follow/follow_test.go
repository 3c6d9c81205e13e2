package follow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/plugin/terminal"
	"ordinal.dev/ordinal/internal/revision"
)

// world is a set of one replica whose pod and stored status the test sets.
func world(t *testing.T, ready bool, stored appsv1.StatefulSetStatus) plan.Snapshot {
	t.Helper()
	labels := map[string]string{"app": "web"}
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", UID: "set", Generation: 1},
		Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To[int32](1),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}},
		},
		Status: stored,
	}
	history, err := revision.New(set, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	history.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web-0", Namespace: "default", OwnerReferences: history.OwnerReferences,
			Labels: map[string]string{
				"app": "web", appsv1.StatefulSetRevisionLabel: history.Name,
				appsv1.StatefulSetPodNameLabel: "web-0", appsv1.PodIndexLabel: "0",
			},
		},
		Status: corev1.PodStatus{Phase: corev1.PodPending},
	}
	if ready {
		pod.Status = corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		}
	}
	return plan.Snapshot{Now: time.Now(), Set: set, Pods: []*corev1.Pod{pod}, Revisions: []*appsv1.ControllerRevision{history}}
}

func TestWatchBelievesThePodsAndNotAStatusThatIsBehind(t *testing.T) {
	done := appsv1.StatefulSetStatus{ObservedGeneration: 1, Replicas: 1, AvailableReplicas: 1, UpdatedReplicas: 1}
	for _, test := range []struct {
		name   string
		ready  bool
		stored appsv1.StatefulSetStatus
		want   bool
	}{
		{"all is well", true, done, true},
		{"the pod has just been replaced", false, done, false},
		{"the controller has not seen the spec", true, appsv1.StatefulSetStatus{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := world(t, test.ready, test.stored)
			if got := Complete(s, plan.Make(s)); got != test.want {
				t.Errorf("complete: %v, want %v", got, test.want)
			}
		})
	}
}

func TestWatchEndsAsFarAsTheStrategyGoes(t *testing.T) {
	for strategy, want := range map[appsv1.StatefulSetUpdateStrategyType]bool{
		appsv1.OnDeleteStatefulSetStrategyType:      true,
		appsv1.RollingUpdateStatefulSetStrategyType: false,
	} {
		s := world(t, true, appsv1.StatefulSetStatus{ObservedGeneration: 2})
		s.Set.Generation, s.Set.Spec.UpdateStrategy.Type = 2, strategy
		s.Set.Status.CurrentRevision = s.Revisions[0].Name
		s.Set.Spec.Template.Annotations = map[string]string{"changed": "yes"}
		if got := Complete(s, plan.Make(s)); got != want {
			t.Errorf("%s with an outdated pod: complete: %v, want %v", strategy, got, want)
		}
	}
}

func TestWatchDoesNotCallASetCompleteThatCannotBeUnderstood(t *testing.T) {
	s := world(t, true, appsv1.StatefulSetStatus{ObservedGeneration: 1})
	s.Set.Spec.Ordinals = &appsv1.StatefulSetOrdinals{Start: math.MaxInt32}
	s.Set.Spec.Replicas = ptr.To[int32](2)
	s.Pods = append(s.Pods, s.Pods[0].DeepCopy())
	s.Pods[0].Name, s.Pods[1].Name = "web-2147483647", "web-2147483646"
	p := plan.Make(s)
	if p.Status.AvailableReplicas != 2 {
		t.Fatalf("%d pods are available, which proves nothing", p.Status.AvailableReplicas)
	}
	if Complete(s, p) || !strings.Contains(HoldsUp(p), "lower one of them") {
		t.Errorf("complete, or held up by %q", HoldsUp(p))
	}
}

func TestWatchGoesOnWhenTheSetCannotBeSeenForAWhile(t *testing.T) {
	refused := errors.New("connect: connection refused")
	forbidden := apierrors.NewForbidden(appsv1.Resource("statefulsets"), "web", errors.New("no"))
	gone := fmt.Errorf("%w web", ErrGone)
	for _, test := range []struct {
		name  string
		looks []error // one after the other; the set is complete at the one after them
		want  error
		says  string
	}{
		{"an outage", []error{nil, refused, refused}, nil, "it cannot be seen: connect: connection refused"},
		{"no cluster", []error{refused}, refused, ""},
		{"the set is deleted", []error{nil, refused, gone}, gone, ""},
		{"no right to see it", []error{forbidden}, forbidden, ""},
		{"an API server that does not know its roles yet", []error{nil, forbidden}, nil, "it cannot be seen"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			look := 0
			err := Set(t.Context(), terminal.New(&out), func(context.Context) (plan.Snapshot, error) {
				if look++; look <= len(test.looks) {
					return world(t, false, appsv1.StatefulSetStatus{ObservedGeneration: 1}), test.looks[look-1]
				}
				return world(t, true, appsv1.StatefulSetStatus{ObservedGeneration: 1}), nil
			})
			if !errors.Is(err, test.want) {
				t.Errorf("ended with %v, want %v", err, test.want)
			}
			if !strings.Contains(out.String(), test.says) {
				t.Errorf("said:\n%s", out.String())
			}
		})
	}
}

func TestWatchThatEndsEarlySaysWhatItWaitedFor(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	err := Set(ctx, terminal.New(io.Discard), func(context.Context) (plan.Snapshot, error) {
		return world(t, false, appsv1.StatefulSetStatus{ObservedGeneration: 1}), nil
	})
	if err == nil || !strings.Contains(err.Error(), "web-0 has no node yet") {
		t.Errorf("got %v", err)
	}
}
