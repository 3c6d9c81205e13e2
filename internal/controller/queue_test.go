package controller

import (
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func TestASetWhosePodsMoveIsFinishedBeforeAnotherIsBegun(t *testing.T) {
	before, after := orphan(0), orphan(0)
	before.ResourceVersion, after.ResourceVersion, after.Status.Phase = "1", "2", corev1.PodFailed
	pods := newWorld(t).r.partEvents((&cachedView{}).concerns)
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
	pods := newWorld(t).r.partEvents((&cachedView{}).concerns)
	pods.Create(t.Context(), event.TypedCreateEvent[client.Object]{Object: &corev1.Pod{ObjectMeta: orphan(0).ObjectMeta}, IsInInitialList: true}, q)
	if _, priority, _ := q.GetWithPriority(); priority >= 0 {
		t.Errorf("priority %d, want less than that of what changes", priority)
	}
}

func TestAFailedSetIsLookedAtWhenItsStatusIsDue(t *testing.T) {
	w := newWorld(t, web(3))
	w.refuse["create pods"] = errQuota
	for range 2 { // it is refused, and told
		_, _, _ = w.reconcile()
	}
	w.change(func(set *appsv1.StatefulSet) { set.Spec.Replicas = ptr.To[int32](2) })
	w.r.memories.of(webKey).behindSince = w.clock.Now().Add(time.Millisecond - statusDelay)

	q := priorityqueue.New("test", func(o *priorityqueue.Opts[reconcile.Request]) {
		o.RateLimiter = workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Hour, time.Hour)
	})
	end := sync.OnceFunc(q.ShutDown)
	defer end()
	defer time.AfterFunc(10*time.Second, end).Stop() // or else a failure is never told
	wakes := &waker{reconciler: w.r}
	if err := wakes.start(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	request := reconcile.Request{NamespacedName: webKey}
	result, err := wakes.Reconcile(t.Context(), request)
	if err == nil || !result.IsZero() {
		t.Fatalf("%+v, err = %v", result, err)
	}
	q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, request) // as after an error
	if next, priority, _ := q.GetWithPriority(); next != request || priority != movingPriority {
		t.Errorf("next is %s with priority %d", next, priority)
	}
}
