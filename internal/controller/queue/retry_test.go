package queue

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"ordinal.dev/ordinal/internal/controller/controllertest"
)

func TestAFailedSetIsLookedAtWhenItsStatusIsDue(t *testing.T) {
	q := priorityqueue.New("test", func(o *priorityqueue.Opts[reconcile.Request]) {
		o.RateLimiter = workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Hour, time.Hour)
	})
	end := sync.OnceFunc(q.ShutDown)
	defer end()
	defer time.AfterFunc(10*time.Second, end).Stop() // or else a failure is never told
	fails := reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
		return reconcile.Result{RequeueAfter: time.Millisecond}, errors.New("exceeded quota")
	})
	requeuer := &Requeuer{Reconciler: fails, Admission: fixed(1)}
	if err := requeuer.Start(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	request := reconcile.Request{NamespacedName: controllertest.Key}
	result, err := requeuer.Reconcile(t.Context(), request)
	if err == nil || !result.IsZero() {
		t.Fatalf("%+v, err = %v", result, err)
	}
	q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, request) // as after an error
	if next, priority, _ := q.GetWithPriority(); next != request || priority != movingPriority {
		t.Errorf("next is %s with priority %d", next, priority)
	}
}
