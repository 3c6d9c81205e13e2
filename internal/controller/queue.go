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

// movingPriority is the place in the queue of a set that moves: a pod or a revision of
// it has changed. Everything else has priority 0, or less where nothing has changed.
const movingPriority = 10

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// partEvents has the sets planned whose pods or revisions have changed, at once or when
// their status is due. They come before those that do not move: each is done sooner
// then, and fewer are under way long enough to have a status written that is out of date
// a moment later.
func (r *reconciler) partEvents(concerns handler.MapFunc) handler.EventHandler {
	atOnce := handler.EnqueueRequestsFromMapFunc(concerns)
	inTime := func(ctx context.Context, w weight, part client.Object, q queue) {
		for _, set := range concerns(ctx, part) {
			if in, ok := r.due(w, set.NamespacedName); ok {
				ahead(q).AddAfter(set, in)
			}
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.TypedCreateEvent[client.Object], q queue) {
			if w := weigh(nil, e.Object); w != decisive && !e.IsInInitialList {
				inTime(ctx, w, e.Object, q)
				return
			}
			atOnce.Create(ctx, e, ahead(q))
		},
		UpdateFunc: func(ctx context.Context, e event.TypedUpdateEvent[client.Object], q queue) {
			if w := weigh(e.ObjectOld, e.ObjectNew); w != decisive {
				inTime(ctx, w, e.ObjectNew, q)
				return
			}
			atOnce.Update(ctx, e, ahead(q))
		},
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[client.Object], q queue) {
			atOnce.Delete(ctx, e, ahead(q))
		},
	}
}

// due is in how long a change of this weight has a set planned; ok is false for never.
func (r *reconciler) due(w weight, set types.NamespacedName) (in time.Duration, ok bool) {
	switch w {
	case nothing:
		return 0, r.memories.awaits(set)
	case counted:
		return r.counted(set), true
	}
	return 0, true
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
