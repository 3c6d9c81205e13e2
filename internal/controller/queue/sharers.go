package queue

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// SharerEvents has the sets planned that share a governing Service with one that changed
// in a way that matters to it.
func SharerEvents(sharersOf func(*appsv1.StatefulSet) []reconcile.Request) handler.EventHandler {
	enqueue := func(q Queue, was, is client.Object) {
		if set, ok := is.(*appsv1.StatefulSet); ok && ConcernsSharers(was, set) {
			for _, sharer := range sharersOf(set) {
				q.Add(sharer)
			}
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.TypedCreateEvent[client.Object], q Queue) { enqueue(q, nil, e.Object) },
		UpdateFunc: func(_ context.Context, e event.TypedUpdateEvent[client.Object], q Queue) {
			enqueue(q, e.ObjectOld, e.ObjectNew)
		},
		DeleteFunc: func(_ context.Context, e event.TypedDeleteEvent[client.Object], q Queue) { enqueue(q, nil, e.Object) },
	}
}

// ConcernsSharers reports whether a set has come or gone, if was is nil, or is made of
// other templates: what a Service selects by, and its ports, follow from these.
func ConcernsSharers(was client.Object, is *appsv1.StatefulSet) bool {
	before, ok := was.(*appsv1.StatefulSet)
	return !ok || before.UID != is.UID || before.Generation != is.Generation ||
		before.DeletionTimestamp.IsZero() != is.DeletionTimestamp.IsZero() ||
		before.Status.CurrentRevision != is.Status.CurrentRevision || before.Status.UpdateRevision != is.Status.UpdateRevision
}
