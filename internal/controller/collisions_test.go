package controller

import (
	"errors"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/revision"
)

func TestNothingElseIsDoneWithoutTheRevision(t *testing.T) {
	w := newWorld(t, web(3))
	w.Refuse["create controllerrevisions"] = errors.New("no")
	if _, _, err := w.reconcile(); err == nil {
		t.Error("no error")
	}
	if len(w.PodNames()) > 0 {
		t.Errorf("pods %v were created without their revision", w.PodNames())
	}
}

func TestARevisionWhoseNameIsTakenGetsAnother(t *testing.T) {
	set := web(3)
	wanted, err := revision.New(set, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	foreign := wanted.DeepCopy()
	foreign.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "web-long", UID: "uid-long", Controller: ptr.To(true)}}
	w := newWorld(t, set, foreign)
	w.settle()
	status := w.Set().Status
	again, err := revision.New(set, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if ptr.Deref(status.CollisionCount, 0) != 1 || status.UpdateRevision != again.Name {
		t.Errorf("collisions %v, revision %s; want 1 and %s", status.CollisionCount, status.UpdateRevision, again.Name)
	}
}

// Nobody would ever adopt it, and to wait for it would be to wait for ever.
func TestARevisionThatTheSelectorMissesCountsAsAnothers(t *testing.T) {
	set := web(3)
	lost, err := revision.New(set, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	lost.OwnerReferences, lost.Labels = nil, nil
	w := newWorld(t, set, lost)
	w.settle()
	if status := w.Set().Status; ptr.Deref(status.CollisionCount, 0) != 1 || status.ReadyReplicas != 3 {
		t.Errorf("status %+v, want one collision and all pods", status)
	}
}

func TestARevisionOfAnEarlierSetOfTheNameIsWaitedFor(t *testing.T) {
	set := web(3)
	left, err := revision.New(set, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	left.OwnerReferences[0].UID = "uid-earlier"
	w := newWorld(t, set, left)
	var last int64
	for range 3 {
		_, result, err := w.reconcile()
		if err != nil || int64(result.RequeueAfter) <= last {
			t.Fatalf("pause %s, %v; want ever longer pauses and no error", result.RequeueAfter, err)
		}
		last = int64(result.RequeueAfter)
	}
	if n := w.Set().Status.CollisionCount; n != nil && *n != 0 {
		t.Errorf("it counted as %d collisions", *n)
	}
	if err := w.API.Delete(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if got := w.Set().Status.UpdateRevision; got != left.Name {
		t.Errorf("revision %s, want %s", got, left.Name)
	}
}
