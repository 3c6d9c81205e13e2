package queue

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

// movingPriority is the priority in the queue of a set that moves: a pod or a revision of
// it has changed. Everything else has priority 0, or less where nothing has changed.
const movingPriority = 10

// Queue is a controller's work queue.
type Queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Due is in how long a change of this significance has a set planned; ok is false for
// never.
type Due func(s Significance, set types.NamespacedName) (in time.Duration, ok bool)

// PartEvents enqueues the sets whose pods or revisions have changed, at once or for when
// their status is due. They come before sets that do not move: each is done sooner
// then, and fewer are under way long enough to have a status written that is out of date
// a moment later.
func PartEvents(setsOf handler.MapFunc, due Due) handler.EventHandler {
	atOnce := handler.EnqueueRequestsFromMapFunc(setsOf)
	inTime := func(ctx context.Context, s Significance, part client.Object, q Queue) {
		for _, set := range setsOf(ctx, part) {
			if in, ok := due(s, set.NamespacedName); ok {
				ahead(q).AddAfter(set, in)
			}
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.TypedCreateEvent[client.Object], q Queue) {
			if s := SignificanceOf(nil, e.Object); s != Actionable && !e.IsInInitialList {
				inTime(ctx, s, e.Object, q)
				return
			}
			atOnce.Create(ctx, e, ahead(q))
		},
		UpdateFunc: func(ctx context.Context, e event.TypedUpdateEvent[client.Object], q Queue) {
			if s := SignificanceOf(e.ObjectOld, e.ObjectNew); s != Actionable {
				inTime(ctx, s, e.ObjectNew, q)
				return
			}
			atOnce.Update(ctx, e, ahead(q))
		},
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[client.Object], q Queue) {
			atOnce.Delete(ctx, e, ahead(q))
		},
	}
}

// aheadQueue gives what is added without a priority the one of what moves.
type aheadQueue struct {
	priorityqueue.PriorityQueue[reconcile.Request]
}

func ahead(q Queue) Queue {
	if pq, ok := q.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
		return aheadQueue{pq}
	}
	return q
}

func (q aheadQueue) Add(r reconcile.Request) { q.AddAfter(r, 0) }

func (q aheadQueue) AddAfter(r reconcile.Request, pause time.Duration) {
	q.AddWithOpts(priorityqueue.AddOpts{Priority: new(movingPriority), After: pause}, r)
}
