package controller

import (
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/controller/queue"
	"ordinal.dev/ordinal/internal/controller/timing"
	"ordinal.dev/ordinal/internal/plan"
)

var (
	another = types.NamespacedName{Namespace: "default", Name: "another"}
	third   = types.NamespacedName{Namespace: "default", Name: "third"}
)

const (
	longestSlot = 3 * timing.StatusDelay // that a set may keep another waiting
	idleSlot    = 250 * time.Millisecond // that it may do so while nothing happens to it
)

// oneAtATime has the sets of a world begin one after the other.
func (w *world) oneAtATime() {
	w.r.admission = queue.NewAdmission(queue.Limits{First: 1, Least: 1, Most: 1})
}

// newGeneration is a set of another name whose status does not know its generation.
func newGeneration(key types.NamespacedName) *appsv1.StatefulSet {
	set := web(1)
	set.Namespace, set.Name = key.Namespace, key.Name
	return set
}

// ask asks for a set to begin, and returns how long it has to wait.
func (w *world) ask(set types.NamespacedName) time.Duration {
	return w.r.admission.Admit(newGeneration(set), &plan.Plan{Actions: make([]plan.Action, 1)}, w.Clock.Now())
}

// moves has something happen to a set that has begun.
func (w *world) moves(set types.NamespacedName) {
	w.r.admission.Admit(newGeneration(set), &plan.Plan{Waits: make([]plan.Wait, 1)}, w.Clock.Now())
}

// busy makes a world in which another set moves, and there is room for one.
func busy(t *testing.T, replicas int32) *world {
	t.Helper()
	w := newWorld(t, web(replicas))
	w.oneAtATime()
	w.settle()
	w.ask(another)
	return w
}

func TestANewGenerationWaitsForASlot(t *testing.T) {
	w := busy(t, 3)
	w.Change(func(set *appsv1.StatefulSet) { set.Spec.Replicas = ptr.To[int32](1) })
	writes, result, err := w.reconcile()
	if err != nil || len(writes) > 0 || result.RequeueAfter != longestSlot {
		t.Fatalf("wrote %v, %+v, %v; want nothing, and another look after %s", writes, result, err, longestSlot)
	}
	w.r.admission.End(another, w.Clock.Now())
	if want := []string{"delete pods web-2", "delete pods web-1", "status statefulsets web"}; !slices.Equal(w.settle(), want) {
		t.Errorf("wrote otherwise than %v when there was a slot", want)
	}
	if wait := w.ask(another); wait > 0 {
		t.Errorf("at rest, and still counted: another set has to wait for %s", wait)
	}
}

func TestWhatOnlyTheStatusCountsHappensToASetAllTheSame(t *testing.T) {
	w := newWorld(t, web(1))
	w.oneAtATime()
	w.counted(another) // which does not move, and does not begin for that
	if wait := w.ask(webKey); wait > 0 {
		t.Fatalf("the first set has to wait for %s, and nobody moves", wait)
	}
	for range 3 {
		w.Clock.Step(idleSlot * 4 / 5)
		w.counted(webKey)
	}
	w.Clock.Step(idleSlot / 2)
	if wait := w.ask(another); wait != idleSlot/2 {
		t.Errorf("half a pause after the last change another set has to wait for %s, want the other half, %s", wait, idleSlot/2)
	}
}

// It tells of the generation that it names, and is not behind.
func TestTheStatusOfASetThatWaitsIsLeftAlone(t *testing.T) {
	w := busy(t, 3)
	w.ask(third) // is next
	w.Change(func(set *appsv1.StatefulSet) { set.Spec.Replicas = ptr.To[int32](1) })
	for began := w.Clock.Now(); w.Clock.Since(began) < 3*timing.StatusDelay/2; w.Clock.Step(idleSlot / 2) {
		w.moves(another)
		w.moves(third)
		if writes, _, err := w.reconcile(); err != nil || len(writes) > 0 {
			t.Fatalf("after %s: wrote %v, %v", w.Clock.Since(began), writes, err)
		}
	}
}

func TestAPodThatIsLostIsReplacedWithoutWaiting(t *testing.T) {
	w := busy(t, 3)
	if err := w.API.Delete(t.Context(), w.Pod("web-1")); err != nil {
		t.Fatal(err)
	}
	if writes, _, err := w.reconcile(); err != nil || !slices.Contains(writes, "create pods web-1") {
		t.Errorf("wrote %v, %v; want the pod", writes, err)
	}
}

func TestASetThatMovesDoesNotWaitForItsNextGeneration(t *testing.T) {
	w := busy(t, 3)
	w.r.admission.End(another, w.Clock.Now())
	scale := func(to int32) func(*appsv1.StatefulSet) {
		return func(set *appsv1.StatefulSet) { set.Spec.Replicas = ptr.To(to) }
	}
	w.Change(scale(1))
	if writes, _, err := w.reconcile(); err != nil || len(writes) == 0 {
		t.Fatalf("wrote %v, %v; want a pod deleted", writes, err)
	}
	w.Clock.Step(longestSlot)
	w.ask(another)
	w.Change(scale(0))
	if writes, _, err := w.reconcile(); err != nil || !slices.Contains(writes, "delete pods web-1") {
		t.Errorf("wrote %v, %v; want the next pod deleted", writes, err)
	}
	w.Clock.Step(longestSlot)
	if wait := w.ask(third); wait > 0 {
		t.Errorf("it has begun, and is in line before another set, which has to wait for %s", wait)
	}
}

func TestTheStatusOfASetThatWaitsTellsOfItsPods(t *testing.T) {
	w := busy(t, 3)
	w.ask(third) // is next
	w.Change(func(set *appsv1.StatefulSet) {
		set.Spec.Replicas, set.Spec.PodManagementPolicy = ptr.To[int32](5), appsv1.ParallelPodManagement
	})
	began := w.Clock.Now()
	pod := w.Pod("web-1")
	pod.Status.Conditions[0].Status = corev1.ConditionFalse
	if err := w.API.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	for w.Set().Status.ReadyReplicas == 3 {
		w.moves(another)
		_, result, err := w.reconcile()
		if err != nil {
			t.Fatal(err)
		}
		if late := w.Clock.Since(began); late > timing.StatusDelay {
			t.Fatalf("a pod is not ready any more, and %s later the status does not say so", late)
		}
		w.Clock.Step(result.RequeueAfter)
	}
	w.moves(another)
	if _, _, err := w.reconcile(); err != nil || len(w.PodNames()) > 3 {
		t.Errorf("there are %v: it has not waited (%v)", w.PodNames(), err)
	}
}
