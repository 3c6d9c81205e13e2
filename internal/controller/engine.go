package controller

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"ordinal.dev/ordinal/internal/plan"
)

// An Engine is the controller without a connection: its owner fills the caches,
// keeps the queue, and says what time it is. Package sim runs it so. It is for
// one goroutine.
type Engine struct {
	view       *cachedView
	reconciler *reconciler
}

// Surroundings are what an Engine acts on.
type Surroundings struct {
	Client   client.Client // makes the writes
	Fresh    client.Reader // reads what is so at this moment
	Recorder Recorder
	Clock    clock.PassiveClock
	Disabled []plan.Feature
}

// NewEngine makes an engine with empty caches. Its writes are made one after the
// other, and it has no metrics.
func NewEngine(s Surroundings) *Engine {
	view := &cachedView{stores: map[kind]toolscache.Indexer{}}
	for _, object := range kinds() {
		all := indexers(object)
		all[toolscache.NamespaceIndex] = toolscache.MetaNamespaceIndexFunc
		view.stores[kindOf(object)] = toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, all)
	}
	r := newReconciler(view, s, nil)
	r.executor.each = func(n int, do func(int)) {
		for i := range n {
			do(i)
		}
	}
	return &Engine{view, r}
}

// Kinds are the API objects that the controller watches.
func Kinds() []client.Object { return kinds() }

// Replace fills the cache of one kind, that of the example, with a list taken at
// a resourceVersion, and returns the sets concerned. The objects are kept, and
// stripped of what plans do not read.
func (e *Engine) Replace(example client.Object, list []client.Object, version string) ([]types.NamespacedName, error) {
	store := e.view.stores[kindOf(example)]
	var concerned []reconcile.Request
	for _, old := range store.List() {
		concerned = append(concerned, e.view.concerns(old.(client.Object))...)
	}
	items := make([]any, len(list))
	for i, object := range list {
		stripped, err := transformOf(object)(object)
		if err != nil {
			return nil, err
		}
		items[i] = stripped
	}
	if err := store.Replace(items, version); err != nil {
		return nil, err
	}
	for _, object := range items {
		concerned = append(concerned, e.view.concerns(object.(client.Object))...)
	}
	return names(concerned), nil
}

// Observe takes in that an object is now so, or is gone and was last so, and
// returns the sets concerned. The object is kept, and stripped of what plans do
// not read.
func (e *Engine) Observe(object client.Object, gone bool) ([]types.NamespacedName, error) {
	store := e.view.stores[kindOf(object)]
	stripped, err := transformOf(object)(object)
	if err != nil {
		return nil, err
	}
	old, exists, err := store.Get(stripped)
	if err != nil {
		return nil, err
	}
	if gone {
		err = store.Delete(stripped)
	} else {
		err = store.Update(stripped)
	}
	if err != nil {
		return nil, fmt.Errorf("keep %s: %w", object.GetName(), err)
	}
	is := stripped.(client.Object)
	if !exists {
		return names(e.view.concerns(is)), nil
	}
	was := old.(client.Object)
	if !gone && !changesPlans(was, is) {
		return nil, nil
	}
	return names(append(e.view.concerns(was), e.view.concerns(is)...)), nil
}

// Reconcile does what is to be done for one set now, and says when to come back
// if nothing is observed before.
func (e *Engine) Reconcile(ctx context.Context, set types.NamespacedName) (reconcile.Result, error) {
	return e.reconciler.Reconcile(ctx, reconcile.Request{NamespacedName: set})
}

func names(requests []reconcile.Request) []types.NamespacedName {
	all := make([]types.NamespacedName, len(requests))
	for i, r := range requests {
		all[i] = r.NamespacedName
	}
	return all
}
