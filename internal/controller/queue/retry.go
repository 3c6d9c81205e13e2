package queue

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"ordinal.dev/ordinal/internal/controller/timing"
)

// RateLimiter has the pauses after errors grow, for each set by itself.
func RateLimiter() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](timing.FirstRetry, timing.LastRetry)
}

// AfterConflict is the pause after a plan that somebody else's write made void, when as
// many before it in a row were. The pauses grow as they do after errors, should the cache
// not show that write.
func AfterConflict(before int) time.Duration {
	return min(timing.FirstRetry<<min(before, 10), timing.LastRetry)
}

// A Requeuer is a reconciler with a queue. It adds the sets that are admitted, and those
// that failed and are due before the pause after an error is over: of a result and an
// error, controller-runtime takes the error alone.
type Requeuer struct {
	reconcile.Reconciler
	Admission *Admission

	queue Queue
}

// Start takes the queue. It has the form of a source.Func, and is called before the first
// Reconcile.
func (r *Requeuer) Start(_ context.Context, q Queue) error {
	r.queue = ahead(q)
	r.Admission.onAdmit(func(set types.NamespacedName) { r.queue.Add(reconcile.Request{NamespacedName: set}) })
	return nil
}

// Reconcile implements reconcile.Reconciler.
func (r *Requeuer) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	result, err := r.Reconciler.Reconcile(ctx, request)
	if err == nil {
		return result, nil
	}
	if result.RequeueAfter > 0 {
		r.queue.AddAfter(request, result.RequeueAfter)
	}
	return reconcile.Result{}, err
}
