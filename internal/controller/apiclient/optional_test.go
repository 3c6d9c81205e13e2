package apiclient

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"

	"ordinal.dev/ordinal/api/v1alpha1"
)

// resource is one that may be there or not.
type resource struct {
	names []string

	mu    sync.Mutex
	err   error              // what every request answers
	watch *watch.FakeWatcher // the newest, nil if there was none
}

// answers has every request from now on answered so, and returns the newest watch.
func (r *resource) answers(err error) *watch.FakeWatcher {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
	return r.watch
}

func (r *resource) source() *optional {
	return &optional{nothing: &v1alpha1.StatefulSetPolicyList{}, ListWatch: &toolscache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			list := &v1alpha1.StatefulSetPolicyList{ListMeta: metav1.ListMeta{ResourceVersion: "7"}}
			for _, name := range r.names {
				list.Items = append(list.Items, named(name))
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			return list, r.err
		},
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.err != nil {
				return nil, r.err
			}
			r.watch = watch.NewFake()
			return r.watch, nil
		},
	}}
}

func named(name string) v1alpha1.StatefulSetPolicy {
	return v1alpha1.StatefulSetPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, ResourceVersion: "8"}}
}

var notServed = apierrors.NewNotFound(schema.GroupResource{}, "")

// An informer of a resource that there is not is in sync, and empty; it hears of the resource
// when it comes, and that all is gone when it goes.
func TestAResourceComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &resource{err: notServed}
		informer := toolscache.NewSharedInformer(r.source(), &v1alpha1.StatefulSetPolicy{}, 0)
		quiet := func(context.Context, *toolscache.Reflector, error) {} // the log's goroutines are not of this test
		if err := informer.SetWatchErrorHandlerWithContext(quiet); err != nil {
			t.Fatal(err)
		}
		go informer.Run(t.Context().Done())
		time.Sleep(absentCheckEvery / 2)
		if !informer.HasSynced() || len(informer.GetStore().List()) > 0 {
			t.Fatal("an absent resource is waited for")
		}
		r.answers(nil)
		time.Sleep(2 * absentCheckEvery)
		events := r.answers(nil)
		if events == nil {
			t.Fatal("the resource is there, and nobody watches it")
		}
		added := named("pg")
		events.Add(&added)
		synctest.Wait()
		if n := len(informer.GetStore().List()); n != 1 {
			t.Fatalf("%d policies are known, want 1", n)
		}
		r.answers(notServed)
		events.Stop()
		time.Sleep(time.Minute)
		if n := len(informer.GetStore().List()); n != 0 {
			t.Errorf("%d policies are left of a resource that is gone", n)
		}
	})
}

// Whatever else an API server answers is no reason to go on as if there were no policies.
func TestAResourceThatMayNotBeListedIsNotAbsent(t *testing.T) {
	for _, err := range []error{
		apierrors.NewForbidden(schema.GroupResource{}, "", errors.New("no")), apierrors.NewServiceUnavailable("starting"), errors.New("connection refused"),
	} {
		r := &resource{err: err}
		if _, got := r.source().ListWithContext(t.Context(), metav1.ListOptions{}); got == nil {
			t.Errorf("%v is taken for a list of nothing", err)
		}
	}
}

func TestAResourceThatWasThereIsListedAgain(t *testing.T) {
	r := &resource{names: []string{"pg"}}
	source := r.source()
	if _, err := source.ListWithContext(t.Context(), metav1.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	r.answers(notServed)
	if _, err := source.WatchWithContext(t.Context(), metav1.ListOptions{}); err == nil {
		t.Error("what was there goes on being watched, and what it held is kept")
	}
}
