package queue

import (
	"context"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// SharerEvents has the sets planned that share a governing Service with one that changed
// in a way that matters to it.
func SharerEvents(sharersOf func(*appsv1.StatefulSet) []reconcile.Request) handler.EventHandler {
	enqueue := func(q workqueue.TypedRateLimitingInterface[reconcile.Request], objects ...client.Object) {
		set, ok := objects[len(objects)-1].(*appsv1.StatefulSet)
		if !ok || !ConcernsSharers(objects...) {
			return
		}
		for _, sharer := range sharersOf(set) {
			q.Add(sharer)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			enqueue(q, nil, e.Object)
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			enqueue(q, e.ObjectOld, e.ObjectNew)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			enqueue(q, nil, e.Object)
		},
	}
}

// ConcernsSharers reports whether a set, which was and is so, has come or gone, or is made
// of other templates: what a Service selects by, and its ports, follow from these.
func ConcernsSharers(objects ...client.Object) bool {
	if slices.Contains(objects, nil) || len(objects) < 2 {
		return true
	}
	was, wasSet := objects[0].(*appsv1.StatefulSet)
	is, isSet := objects[1].(*appsv1.StatefulSet)
	return !wasSet || !isSet || was.UID != is.UID || was.Generation != is.Generation ||
		was.DeletionTimestamp.IsZero() != is.DeletionTimestamp.IsZero() ||
		was.Status.CurrentRevision != is.Status.CurrentRevision || was.Status.UpdateRevision != is.Status.UpdateRevision
}
