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

	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/controller/timing"
	"ordinal.dev/ordinal/internal/plan"
)

func TestAConflictOfTheStatusIsPlannedAgain(t *testing.T) {
	w := newWorld(t, web(0))
	if _, _, err := w.reconcile(); err != nil { // makes the revision
		t.Fatal(err)
	}
	w.Refuse["status statefulsets"] = apierrors.NewConflict(appsv1.Resource("statefulsets"), "web", errors.New("changed"))
	_, result, err := w.reconcile()
	if err != nil || result.RequeueAfter != timing.FirstRetry {
		t.Errorf("%+v, %v; want another plan after %s", result, err, timing.FirstRetry)
	}
}

func TestANewSetIsBroughtUpInOrderWithTheFewestWrites(t *testing.T) {
	w := newWorld(t, web(3))
	got := w.settle()
	want := []string{
		"create controllerrevisions " + w.Set().Status.UpdateRevision,
		"create persistentvolumeclaims data-web-0", "create pods web-0",
		"create persistentvolumeclaims data-web-1", "create pods web-1",
		"create persistentvolumeclaims data-web-2", "create pods web-2",
		"status statefulsets web",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if s := w.Set().Status; s.ReadyReplicas != 3 || s.CurrentRevision != s.UpdateRevision || s.ObservedGeneration != 1 {
		t.Errorf("status at rest: %+v", s)
	}
}

func TestARollingUpdateGoesFromTheHighestOrdinalDown(t *testing.T) {
	w := newWorld(t, web(3))
	w.settle()
	w.Change(func(set *appsv1.StatefulSet) { set.Spec.Template.Spec.Containers[0].Image = "app:B" })
	got := w.settle()
	want := []string{
		"create controllerrevisions " + w.Set().Status.UpdateRevision,
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
	w.Change(func(set *appsv1.StatefulSet) { set.Spec.Replicas = ptr.To[int32](1) })
	want := []string{"delete pods web-2", "delete pods web-1", "status statefulsets web"}
	if diff := cmp.Diff(want, w.settle()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

func TestNothingIsDoneWhileACacheIsBehindOnesOwnWrites(t *testing.T) {
	w := newWorld(t, web(3))
	w.settle()
	if err := w.API.Delete(t.Context(), w.Pod("web-2")); err != nil {
		t.Fatal(err)
	}
	w.fallBehind()
	writes, result, err := w.reconcile()
	if err != nil || len(writes) > 0 || result.RequeueAfter != staleRetry {
		t.Errorf("with a stale cache: wrote %v, %+v, %v; want nothing, and another look later", writes, result, err)
	}
	w.view.cache.(*apiView).behind = ""
	if writes, _, err := w.reconcile(); err != nil || !slices.Contains(writes, "create pods web-2") {
		t.Errorf("with a cache that has caught up: wrote %v, %v; want the pod that is missing", writes, err)
	}
}

// fallBehind makes the cache of pods one write older than the last of them.
func (w *world) fallBehind() {
	w.view.cache.(*apiView).behind = kinds.Pod
	w.r.memories.of(webKey).writes.Expectations.Wrote(kinds.Pod, "2")
}

func TestStatusIsAtMostASecondBehindWhileASetMoves(t *testing.T) {
	w := newWorld(t, web(3))
	writes, result, err := w.reconcile()
	if err != nil || slices.Contains(writes, "status statefulsets web") || result.RequeueAfter != timing.StatusDelay {
		t.Fatalf("at once: wrote %v, %+v, %v; want no status yet, and another look after %s", writes, result, err, timing.StatusDelay)
	}
	w.Clock.Step(timing.StatusDelay)
	if writes, _, err = w.reconcile(); err != nil || !slices.Contains(writes, "status statefulsets web") {
		t.Errorf("after %s: wrote %v, %v; want the status", timing.StatusDelay, writes, err)
	}
}

// Two leaders for a time, each with caches of its own: neither may answer each status of
// the other's with one of its own.
func TestAStatusThatAnotherLeaderWritesTooIsNotFoughtOver(t *testing.T) {
	w := newWorld(t, web(3))
	w.settle()
	w.Clock.Step(timing.StatusDelay)
	statuses := 0
	for range 20 {
		set := w.Set()
		set.Status.ReadyReplicas = 0
		if err := w.API.Status().Update(w.T.Context(), set); err != nil {
			t.Fatal(err)
		}
		writes, result, err := w.reconcile()
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(writes, "status statefulsets web") {
			statuses++
		} else if result.RequeueAfter == 0 {
			t.Fatal("a status that is wrong is left so: want another look")
		}
		w.Clock.Step(timing.StatusDelay / 10)
	}
	if statuses < 2 || statuses > 3 {
		t.Errorf("the status was written %d times in two seconds, want two or three", statuses)
	}
}

var errQuota = errors.New("exceeded quota: pods, requested: 1, used: 10, limited: 10")

func TestARefusedWriteIsToldOnceAndShownInTheConditions(t *testing.T) {
	w := newWorld(t, web(3))
	w.Refuse["create pods"] = apierrors.NewForbidden(corev1.Resource("pods"), "web-0", errQuota)
	for range 3 {
		if _, _, err := w.reconcile(); !apierrors.IsForbidden(err) {
			t.Fatalf("err = %v, want the server's refusal, so that it is retried ever more slowly", err)
		}
		w.Clock.Step(2 * time.Second)
	}
	told := 0
	for _, e := range w.Events {
		if strings.HasPrefix(e, "FailedCreate: Create Pod web-0 in StatefulSet web failed: ") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("the refusal was told %d times in %q, want once", told, w.Events)
	}
	for _, c := range w.Set().Status.Conditions {
		if c.Reason != "FailedCreate" || c.Status != corev1.ConditionFalse || !strings.Contains(c.Message, "exceeded quota") {
			t.Errorf("condition %+v does not tell of the refusal", c)
		}
	}
	delete(w.Refuse, "create pods")
	w.settle()
	for _, c := range w.Set().Status.Conditions {
		if c.Reason == "FailedCreate" {
			t.Errorf("condition %+v still tells of a refusal that is over", c)
		}
	}
}

func TestARefusalIsInTheStatusWithoutDelay(t *testing.T) {
	w := newWorld(t, web(3))
	w.Refuse["create pods"] = apierrors.NewForbidden(corev1.Resource("pods"), "web-0", errQuota)
	for range 2 {
		if _, _, err := w.reconcile(); !apierrors.IsForbidden(err) {
			t.Fatal(err)
		}
	}
	for _, c := range w.Set().Status.Conditions {
		if c.Type == plan.ConditionAvailable && c.Reason == "FailedCreate" {
			return
		}
	}
	t.Errorf("the conditions are %+v", w.Set().Status.Conditions)
}

// Two leaders whose clocks differ would otherwise write in turn what each thinks.
func TestWhileARefusalLastsTheStatusIsWrittenOnceASecond(t *testing.T) {
	w := newWorld(t, web(3))
	w.Refuse["create pods"] = apierrors.NewForbidden(corev1.Resource("pods"), "web-0", errQuota)
	written := 0
	const seconds = 5
	for range 10 * seconds {
		writes, _, _ := w.reconcile()
		for _, write := range writes {
			if strings.HasPrefix(write, "status") {
				written++
			}
		}
		set := w.Set() // and somebody else writes something else each time
		set.Status.Replicas++
		if err := w.API.Status().Update(t.Context(), set); err != nil {
			t.Fatal(err)
		}
		w.Clock.Step(time.Second / 10)
	}
	if written < seconds-1 || written > seconds+2 {
		t.Errorf("%d statuses were written in %d seconds", written, seconds)
	}
}

func TestStatusDoesNotWaitForAConflictToEnd(t *testing.T) {
	w := newWorld(t, web(3))
	w.settle()
	w.Change(func(set *appsv1.StatefulSet) { set.Spec.Replicas = ptr.To[int32](2) })
	w.Refuse["delete pods"] = apierrors.NewConflict(corev1.Resource("pods"), "web-2", errors.New("changed"))
	for range 10 { // so that the pause before the next try is a long one
		w.r.memories.of(webKey).freshness.Conflict()
	}
	began := w.Clock.Now()
	for w.Set().Status.ObservedGeneration == 1 {
		_, result, err := w.reconcile()
		if err != nil {
			t.Fatal(err)
		}
		if late := w.Clock.Since(began); late > timing.StatusDelay {
			t.Fatalf("the status was not written %s after it changed", late)
		}
		w.Clock.Step(result.RequeueAfter)
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
	w.Change(func(set *appsv1.StatefulSet) { set.Spec.Replicas = ptr.To[int32](4) })
	w.Refuse["create pods"] = apierrors.NewForbidden(corev1.Resource("pods"), "web-3", errQuota)
	for range 2 { // it is refused, and told
		_, _, _ = w.reconcile()
		w.Clock.Step(timing.StatusDelay)
	}
	w.becomeReady()
	_, result, err := w.reconcile()
	if !apierrors.IsForbidden(err) || result.RequeueAfter == 0 || result.RequeueAfter > timing.StatusDelay {
		t.Fatalf("comes back in %s, err = %v", result.RequeueAfter, err)
	}
	w.Clock.Step(result.RequeueAfter)
	_, _, _ = w.reconcile()
	if ready := w.Set().Status.ReadyReplicas; ready != 3 {
		t.Errorf("the status counts %d ready pods, want 3", ready)
	}
}
