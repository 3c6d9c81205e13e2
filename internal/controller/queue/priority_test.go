package queue

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"ordinal.dev/ordinal/internal/controller/controllertest"
	"ordinal.dev/ordinal/internal/controller/snapshot"
)

func TestASetWhosePodsMoveIsFinishedBeforeAnotherIsBegun(t *testing.T) {
	before, after := controllertest.Orphan(0), controllertest.Orphan(0)
	before.ResourceVersion, after.ResourceVersion, after.Status.Phase = "1", "2", corev1.PodFailed
	pods := PartEvents(snapshot.NewEmptyCache().SetsOf, atOnce)
	happens := map[string]func(priorityqueue.PriorityQueue[reconcile.Request]){
		"created": func(q priorityqueue.PriorityQueue[reconcile.Request]) {
			pods.Create(t.Context(), event.TypedCreateEvent[client.Object]{Object: after}, q)
		},
		"changed": func(q priorityqueue.PriorityQueue[reconcile.Request]) {
			pods.Update(t.Context(), event.TypedUpdateEvent[client.Object]{ObjectOld: before, ObjectNew: after}, q)
		},
		"deleted": func(q priorityqueue.PriorityQueue[reconcile.Request]) {
			pods.Delete(t.Context(), event.TypedDeleteEvent[client.Object]{Object: after}, q)
		},
	}
	for name, happen := range happens {
		q := priorityqueue.New[reconcile.Request]("test")
		q.Add(reconcile.Request{NamespacedName: client.ObjectKey{Namespace: "default", Name: "another"}})
		happen(q)
		if next, _, _ := q.GetWithPriority(); next.Name != "web" {
			t.Errorf("a pod was %s: next is %s, want the set of the pod", name, next.Name)
		}
		q.ShutDown()
	}
}

func TestWhatIsListedAtStartIsNotTakenForMoving(t *testing.T) {
	q := priorityqueue.New[reconcile.Request]("test")
	defer q.ShutDown()
	pods := PartEvents(snapshot.NewEmptyCache().SetsOf, atOnce)
	pods.Create(t.Context(), event.TypedCreateEvent[client.Object]{Object: &corev1.Pod{ObjectMeta: controllertest.Orphan(0).ObjectMeta}, IsInInitialList: true}, q)
	if _, priority, _ := q.GetWithPriority(); priority >= 0 {
		t.Errorf("priority %d, want less than that of what changes", priority)
	}
}

// atOnce has all changes planned for at once.
func atOnce(Significance, types.NamespacedName) (time.Duration, bool) { return 0, true }
