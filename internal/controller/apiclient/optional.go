package apiclient

import (
	"context"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// absentCheckEvery is how long a resource may be there before it is noticed.
const absentCheckEvery = 5 * time.Second

// optional is a source of a resource that the API server may not have, and that may come
// and go. To list what does not exist is to find nothing. Any other answer is an error, as
// for all resources: an API server that is starting, or that refuses to tell, must not be
// taken for one without policies.
type optional struct {
	*toolscache.ListWatch
	nothing runtime.Object // an empty list
	absent  atomic.Bool
}

// ListWithContext implements toolscache.ListerWatcherWithContext.
func (o *optional) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	list, err := o.ListWatch.ListWithContext(ctx, options)
	o.absent.Store(apierrors.IsNotFound(err))
	if o.absent.Load() {
		return o.nothing.DeepCopyObject(), nil
	}
	return list, err
}

// WatchWithContext implements toolscache.ListerWatcherWithContext. Where the list found no
// resource, a watch of nothing ends after a while and is made anew. One that has been there
// is listed again, so that nothing of it is kept.
func (o *optional) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	events, err := o.ListWatch.WatchWithContext(ctx, options)
	if apierrors.IsNotFound(err) && o.absent.Load() {
		return watchNothing(ctx, absentCheckEvery), nil
	}
	if err == nil {
		o.absent.Store(false)
	}
	return events, err
}

// IsWatchListSemanticsUnSupported has the source listed first: a list is what tells whether
// there is such a resource.
func (o *optional) IsWatchListSemanticsUnSupported() bool { return true }

// watchNothing is a watch that ends by itself.
func watchNothing(ctx context.Context, after time.Duration) watch.Interface {
	events := make(chan watch.Event)
	nothing := watch.NewProxyWatcher(events)
	go func() {
		defer close(events)
		select {
		case <-time.After(after):
		case <-ctx.Done():
		case <-nothing.StopChan():
		}
	}()
	return nothing
}
