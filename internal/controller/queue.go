package controller

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// movingPriority is the place in the queue of a set one of whose pods has
// changed. Everything else has priority 0, or less where nothing has changed.
const movingPriority = 10

// movingFirst lets the sets that are moving be finished before others are begun:
// each is done sooner, and fewer are under way long enough to have a status
// written that is out of date a moment later.
func movingFirst(next handler.EventHandler) handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.TypedCreateEvent[client.Object], q queue) {
			next.Create(ctx, e, ahead(q))
		},
		UpdateFunc: func(ctx context.Context, e event.TypedUpdateEvent[client.Object], q queue) {
			next.Update(ctx, e, ahead(q))
		},
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[client.Object], q queue) {
			next.Delete(ctx, e, ahead(q))
		},
	}
}

// aheadQueue gives what is added without a priority the one of what moves.
type aheadQueue struct {
	priorityqueue.PriorityQueue[reconcile.Request]
}

func ahead(q workqueue.TypedRateLimitingInterface[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	if pq, ok := q.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
		return aheadQueue{pq}
	}
	return q
}

func (q aheadQueue) Add(r reconcile.Request) {
	q.AddWithOpts(priorityqueue.AddOpts{Priority: new(movingPriority)}, r)
}

// woken adds the sets whose turn has come to the queue.
func woken(t *turns) source.Source {
	return source.Func(func(_ context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.wake = func(set types.NamespacedName) { ahead(q).Add(reconcile.Request{NamespacedName: set}) }
		return nil
	})
}
