package controller

import (
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"ordinal.dev/ordinal/internal/controller/apiclient"
	"ordinal.dev/ordinal/internal/controller/interlock"
	"ordinal.dev/ordinal/internal/controller/queue"
	"ordinal.dev/ordinal/internal/controller/report"
	"ordinal.dev/ordinal/internal/controller/snapshot"
	"ordinal.dev/ordinal/internal/fence"
)

// servedCheckEvery is how often an API server without admission policies is asked again: it
// may be upgraded.
const servedCheckEvery = time.Minute

// fenceEvents tell of the fence, and wake sets.
type fenceEvents struct {
	report.Fence
	wake    *waker
	changed chan struct{} // holds one signal
}

// Wake implements interlock.Listener.
func (f fenceEvents) Wake(namespace string) { f.wake.wake(namespace) }

// Changed implements interlock.Listener.
func (f fenceEvents) Changed() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// waker enqueues all sets of a namespace. As a source of the manager's it is given the queue.
type waker struct {
	cache    *snapshot.Cache
	memories *memories

	mu    sync.Mutex
	queue queue.Queue // nil before this instance leads
}

func (w *waker) start(_ context.Context, q queue.Queue) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = q
	return nil
}

// one enqueues a set.
func (w *waker) one(set types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.queue != nil {
		w.queue.Add(reconcile.Request{NamespacedName: set})
	}
}

func (w *waker) wake(namespace string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.queue == nil {
		return
	}
	for _, set := range w.cache.SetsIn(namespace) {
		w.queue.Add(reconcile.Request{NamespacedName: set})
	}
	if w.memories != nil { // of sets that are gone and whose pods are not
		w.memories.each(namespace, func(set types.NamespacedName) { w.queue.Add(reconcile.Request{NamespacedName: set}) })
	}
}

// fenceWatch shows the interlock namespaces, policy and binding as they are. Every instance
// has one, whether it leads or not.
type fenceWatch struct {
	follower  apiclient.Follower
	interlock *interlock.Interlock
	fenced    bool
	logger    logr.Logger
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (fenceWatch) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (f fenceWatch) Start(ctx context.Context) error {
	err := f.follower.Follow(ctx, apiclient.Namespaces, "", func(o metav1.Object, gone bool) { f.interlock.Namespace(o.(*corev1.Namespace), gone) })
	if err != nil {
		return ended(ctx, err)
	}
	f.interlock.Seen()
	if f.fenced {
		if err := f.followFence(ctx); err != nil {
			return ended(ctx, err)
		}
	}
	<-ctx.Done()
	return nil
}

func (f fenceWatch) followFence(ctx context.Context) error {
	if err := f.untilServed(ctx); err != nil {
		return err
	}
	var policy, binding bool
	err := f.follower.Follow(ctx, apiclient.Policies, fence.Name, func(o metav1.Object, gone bool) {
		policy = true
		f.interlock.Policy(unless(gone, o.(*admissionv1.ValidatingAdmissionPolicy)))
	})
	if err != nil {
		return err
	}
	err = f.follower.Follow(ctx, apiclient.Bindings, fence.Name, func(o metav1.Object, gone bool) {
		binding = true
		f.interlock.Binding(unless(gone, o.(*admissionv1.ValidatingAdmissionPolicyBinding)))
	})
	if err != nil {
		return err
	}
	if !policy {
		f.interlock.Policy(nil)
	}
	if !binding {
		f.interlock.Binding(nil)
	}
	return nil
}

// untilServed waits until the API server has such policies.
func (f fenceWatch) untilServed(ctx context.Context) error {
	for {
		served, err := f.follower.Serves(ctx, apiclient.Policies)
		switch {
		case err != nil:
			f.logger.Error(err, "whether there are admission policies is not known")
		case served:
			return nil
		default:
			f.interlock.Unserved("cannot be: this cluster has no ValidatingAdmissionPolicy in version v1, which Kubernetes has since 1.30; " +
				"switch the in-tree controller off and use --mode " + fence.WholeCluster)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(servedCheckEvery):
		}
	}
}

// unless is the object, or nil if it is gone.
func unless[T any](gone bool, object *T) *T {
	if gone {
		return nil
	}
	return object
}

// ended is nil if the context has.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
