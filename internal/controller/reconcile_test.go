package controller

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/plan"
)

func TestANewSetIsBroughtUpInOrderWithTheFewestWrites(t *testing.T) {
	w := newWorld(t, web(3))
	got := w.settle()
	want := []string{
		"create controllerrevisions " + w.set().Status.UpdateRevision,
		"create persistentvolumeclaims data-web-0", "create pods web-0",
		"create persistentvolumeclaims data-web-1", "create pods web-1",
		"create persistentvolumeclaims data-web-2", "create pods web-2",
		"status statefulsets web",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if s := w.set().Status; s.ReadyReplicas != 3 || s.CurrentRevision != s.UpdateRevision || s.ObservedGeneration != 1 {
		t.Errorf("status at rest: %+v", s)
	}
}

func TestARollingUpdateGoesFromTheHighestOrdinalDown(t *testing.T) {
	w := newWorld(t, web(3))
	w.settle()
	w.change(func(set *appsv1.StatefulSet) { set.Spec.Template.Spec.Containers[0].Image = "app:B" })
	got := w.settle()
	want := []string{
		"create controllerrevisions " + w.set().Status.UpdateRevision,
		"delete pods web-2", "create pods web-2",
		"delete pods web-1", "create pods web-1",
		"delete pods web-0", "create pods web-0",
		"status statefulsets web",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

func TestScalingDownGoesFromTheHighestOrdinalDown(t *testing.T) {
	w := newWorld(t, web(3))
	w.settle()
	w.change(func(set *appsv1.StatefulSet) { set.Spec.Replicas = ptr.To[int32](1) })
	want := []string{"delete pods web-2", "delete pods web-1", "status statefulsets web"}
	if diff := cmp.Diff(want, w.settle()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

func TestNothingIsDoneWhileACacheIsBehindOnesOwnWrites(t *testing.T) {
	w := newWorld(t, web(3))
	w.settle()
	if err := w.api.Delete(t.Context(), w.pod("web-2")); err != nil {
		t.Fatal(err)
	}
	w.fallBehind()
	writes, result, err := w.reconcile()
	if err != nil || len(writes) > 0 || result.RequeueAfter != staleRetry {
		t.Errorf("with a stale cache: wrote %v, %+v, %v; want nothing, and another look later", writes, result, err)
	}
	w.r.view.(*apiView).behind = ""
	if writes, _, err := w.reconcile(); err != nil || !slices.Contains(writes, "create pods web-2") {
		t.Errorf("with a cache that has caught up: wrote %v, %v; want the pod that is missing", writes, err)
	}
}

// fallBehind makes the cache of pods one write older than the last of them.
func (w *world) fallBehind() {
	w.r.view.(*apiView).behind = kindPod
	w.r.memories.of(webKey).expectations.wrote(kindPod, "2")
}

func TestStatusIsAtMostASecondBehindWhileASetMoves(t *testing.T) {
	w := newWorld(t, web(3))
	writes, result, err := w.reconcile()
	if err != nil || slices.Contains(writes, "status statefulsets web") || result.RequeueAfter != statusDelay {
		t.Fatalf("at once: wrote %v, %+v, %v; want no status yet, and another look after %s", writes, result, err, statusDelay)
	}
	w.clock.Step(statusDelay)
	if writes, _, err = w.reconcile(); err != nil || !slices.Contains(writes, "status statefulsets web") {
		t.Errorf("after %s: wrote %v, %v; want the status", statusDelay, writes, err)
	}
}

var errQuota = errors.New("exceeded quota: pods, requested: 1, used: 10, limited: 10")

func TestARefusedWriteIsToldOnceAndShownInTheConditions(t *testing.T) {
	w := newWorld(t, web(3))
	w.refuse["create pods"] = apierrors.NewForbidden(corev1.Resource("pods"), "web-0", errQuota)
	for range 3 {
		if _, _, err := w.reconcile(); !apierrors.IsForbidden(err) {
			t.Fatalf("err = %v, want the server's refusal, so that it is retried ever more slowly", err)
		}
		w.clock.Step(2 * time.Second)
	}
	told := 0
	for _, e := range w.events {
		if strings.HasPrefix(e, "FailedCreate: Create Pod web-0 in StatefulSet web failed: ") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("the refusal was told %d times in %q, want once", told, w.events)
	}
	for _, c := range w.set().Status.Conditions {
		if c.Reason != "FailedCreate" || c.Status != corev1.ConditionFalse || !strings.Contains(c.Message, "exceeded quota") {
			t.Errorf("condition %+v does not tell of the refusal", c)
		}
	}
	delete(w.refuse, "create pods")
	w.settle()
	for _, c := range w.set().Status.Conditions {
		if c.Reason == "FailedCreate" {
			t.Errorf("condition %+v still tells of a refusal that is over", c)
		}
	}
}

func TestARefusalIsInTheStatusWithoutDelay(t *testing.T) {
	w := newWorld(t, web(3))
	w.refuse["create pods"] = apierrors.NewForbidden(corev1.Resource("pods"), "web-0", errQuota)
	for range 2 {
		if _, _, err := w.reconcile(); !apierrors.IsForbidden(err) {
			t.Fatal(err)
		}
	}
	for _, c := range w.set().Status.Conditions {
		if c.Type == plan.ConditionAvailable && c.Reason == "FailedCreate" {
			return
		}
	}
	t.Errorf("the conditions are %+v", w.set().Status.Conditions)
}

// Two leaders whose clocks differ would otherwise write in turn what each thinks.
func TestWhileARefusalLastsTheStatusIsWrittenOnceASecond(t *testing.T) {
	w := newWorld(t, web(3))
	w.refuse["create pods"] = apierrors.NewForbidden(corev1.Resource("pods"), "web-0", errQuota)
	written := 0
	const seconds = 5
	for range 10 * seconds {
		writes, _, _ := w.reconcile()
		for _, write := range writes {
			if strings.HasPrefix(write, "status") {
				written++
			}
		}
		set := w.set() // and somebody else writes something else each time
		set.Status.Replicas++
		if err := w.api.Status().Update(t.Context(), set); err != nil {
			t.Fatal(err)
		}
		w.clock.Step(time.Second / 10)
	}
	if written < seconds-1 || written > seconds+2 {
		t.Errorf("%d statuses were written in %d seconds", written, seconds)
	}
}

func TestStatusDoesNotWaitForAConflictToEnd(t *testing.T) {
	w := newWorld(t, web(3))
	w.settle()
	w.change(func(set *appsv1.StatefulSet) { set.Spec.Replicas = ptr.To[int32](2) })
	w.refuse["delete pods"] = apierrors.NewConflict(corev1.Resource("pods"), "web-2", errors.New("changed"))
	w.r.memories.of(webKey).conflicts = 10 // so that the pause before the next try is a long one
	began := w.clock.Now()
	for w.set().Status.ObservedGeneration == 1 {
		_, result, err := w.reconcile()
		if err != nil {
			t.Fatal(err)
		}
		if late := w.clock.Since(began); late > statusDelay {
			t.Fatalf("the status was not written %s after it changed", late)
		}
		w.clock.Step(result.RequeueAfter)
	}
}

// What is refused is tried again after half a minute in the end.
func TestStatusDoesNotWaitForARefusalToEnd(t *testing.T) {
	set := web(3)
	set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	w := newWorld(t, set)
	if _, _, err := w.reconcile(); err != nil { // the pods are created
		t.Fatal(err)
	}
	w.change(func(set *appsv1.StatefulSet) { set.Spec.Replicas = ptr.To[int32](4) })
	w.refuse["create pods"] = apierrors.NewForbidden(corev1.Resource("pods"), "web-3", errQuota)
	for range 2 { // it is refused, and told
		_, _, _ = w.reconcile()
		w.clock.Step(statusDelay)
	}
	w.becomeReady()
	_, result, err := w.reconcile()
	if !apierrors.IsForbidden(err) || result.RequeueAfter == 0 || result.RequeueAfter > statusDelay {
		t.Fatalf("comes back in %s, err = %v", result.RequeueAfter, err)
	}
	w.clock.Step(result.RequeueAfter)
	_, _, _ = w.reconcile()
	if ready := w.set().Status.ReadyReplicas; ready != 3 {
		t.Errorf("the status counts %d ready pods, want 3", ready)
	}
}

func TestATemplateIsEncodedOnceForEachGeneration(t *testing.T) {
	m, set := &memory{}, web(3)
	first := m.templateOf(set)
	if again := m.templateOf(set.DeepCopy()); &again[0] != &first[0] {
		t.Error("the template of the same generation was encoded again")
	}
	set.Spec.Template.Spec.Containers[0].Image, set.Generation = "app:B", 2
	if next := m.templateOf(set); !strings.Contains(string(next), "app:B") {
		t.Errorf("the template of the next generation is said to be %s", next)
	}
}
