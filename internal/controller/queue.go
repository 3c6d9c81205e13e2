package controller

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// movingPriority is the place in the queue of a set one of whose pods has
// changed. Everything else has priority 0, or less where nothing has changed.
const movingPriority = 10

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// partEvents has the sets planned whose pods or revisions have changed: before those
// that do not move, and at once or when their status is due.
func (r *reconciler) partEvents(concerns func(client.Object) []reconcile.Request) handler.EventHandler {
	atOnce := movingFirst(handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request { return concerns(o) }))
	inTime := func(part client.Object, q queue) {
		for _, set := range concerns(part) {
			ahead(q).AddAfter(set, r.counted(set.NamespacedName))
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.TypedCreateEvent[client.Object], q queue) {
			if e.IsInInitialList || weigh(nil, e.Object) == decisive {
				atOnce.Create(ctx, e, q)
			} else {
				inTime(e.Object, q)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.TypedUpdateEvent[client.Object], q queue) {
			switch weigh(e.ObjectOld, e.ObjectNew) {
			case decisive:
				atOnce.Update(ctx, e, q)
			case counted:
				inTime(e.ObjectNew, q)
			case nothing:
				for _, set := range concerns(e.ObjectNew) {
					if r.memories.awaits(set.NamespacedName) {
						ahead(q).Add(set)
					}
				}
			}
		},
		DeleteFunc: atOnce.Delete,
	}
}

// movingFirst lets the sets that are moving be finished before others are begun:
// each is done sooner, and fewer are under way long enough to have a status
// written that is out of date a moment later.
func movingFirst(next handler.EventHandler) handler.EventHandler {
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

func ahead(q queue) queue {
	if pq, ok := q.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
		return aheadQueue{pq}
	}
	return q
}

func (q aheadQueue) Add(r reconcile.Request) { q.AddAfter(r, 0) }

func (q aheadQueue) AddAfter(r reconcile.Request, pause time.Duration) {
	q.AddWithOpts(priorityqueue.AddOpts{Priority: new(movingPriority), After: pause}, r)
}

// waker is the reconciler with a queue. It adds the sets whose turn has come, and
// those that failed and have to be looked at before the pause after an error is over:
// controller-runtime looks at one or the other only.
type waker struct {
	*reconciler
	queue queue
}

// start implements source.Func. It is called before the first Reconcile.
func (w *waker) start(_ context.Context, q queue) error {
	w.queue = ahead(q)
	w.turns.mu.Lock()
	defer w.turns.mu.Unlock()
	w.turns.wake = func(set types.NamespacedName) { w.queue.Add(reconcile.Request{NamespacedName: set}) }
	return nil
}

// Reconcile implements reconcile.Reconciler.
func (w *waker) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	result, err := w.reconciler.Reconcile(ctx, request)
	if err == nil {
		return result, nil
	}
	if result.RequeueAfter > 0 {
		w.queue.AddAfter(request, result.RequeueAfter)
	}
	return reconcile.Result{}, err
}
