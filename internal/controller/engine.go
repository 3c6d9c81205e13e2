package controller

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

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
	for _, object := range Kinds() {
		all := indexers(object)
		all[toolscache.NamespaceIndex] = toolscache.MetaNamespaceIndexFunc
		view.stores[kindOf(object)] = toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, all)
	}
	r := newReconciler(view, s, DefaultOptions().Workers, nil)
	r.executor.each = func(n int, do func(int)) {
		for i := range n {
			do(i)
		}
	}
	return &Engine{view, r}
}

// A Call is a set that is to be reconciled, in a while or at once.
type Call struct {
	Set types.NamespacedName
	In  time.Duration
}

// Replace fills the cache of one kind, that of the example, with a list taken at
// a resourceVersion, and returns which sets are to be reconciled. The objects are
// kept, and stripped of what plans do not read.
func (e *Engine) Replace(example client.Object, list []client.Object, version string) ([]Call, error) {
	store := e.view.stores[kindOf(example)]
	isFirst := e.view.version(kindOf(example)) == ""
	before := map[string]client.Object{}
	for _, was := range store.List() {
		before[client.ObjectKeyFromObject(was.(client.Object)).String()] = was.(client.Object)
	}
	items := make([]any, len(list))
	for i, object := range list {
		strip(object)
		items[i] = object
	}
	if err := store.Replace(items, version); err != nil {
		return nil, err
	}
	var calls []Call
	for _, is := range list {
		key := client.ObjectKeyFromObject(is).String()
		was := before[key]
		delete(before, key)
		w := decisive
		if !isFirst {
			w = weigh(was, is)
		}
		calls = append(calls, e.calls(w, was, is)...)
	}
	for _, key := range slices.Sorted(maps.Keys(before)) { // in an order that comes again
		calls = append(calls, e.calls(decisive, before[key])...)
	}
	return calls, nil
}

// Observe takes in that an object is now so, or is gone and was last so, and
// returns which sets are to be reconciled. The object is kept, and stripped of what
// plans do not read.
func (e *Engine) Observe(object client.Object, gone bool) ([]Call, error) {
	store := e.view.stores[kindOf(object)]
	strip(object)
	old, _, err := store.Get(object)
	if err != nil {
		return nil, err
	}
	if gone {
		err = store.Delete(object)
	} else {
		err = store.Update(object)
	}
	if err != nil {
		return nil, fmt.Errorf("keep %s: %w", object.GetName(), err)
	}
	was, _ := old.(client.Object)
	if gone {
		return e.calls(decisive, was, object), nil
	}
	return e.calls(weigh(was, object), was, object), nil
}

// calls are those for the sets that a change of this weight concerns, by what the
// object was and is; nil objects concern none.
func (e *Engine) calls(w weight, objects ...client.Object) []Call {
	var calls []Call
	for _, object := range objects {
		if object == nil {
			continue
		}
		for _, set := range e.view.concerns(context.Background(), object) {
			if in, ok := e.reconciler.due(w, set.NamespacedName); ok {
				calls = append(calls, Call{set.NamespacedName, in})
			}
		}
	}
	return calls
}

// Reconcile does what is to be done for one set now, and says when to come back
// if nothing is observed before: after an error also, unless the pause after it is
// over sooner.
func (e *Engine) Reconcile(ctx context.Context, set types.NamespacedName) (reconcile.Result, error) {
	return e.reconciler.Reconcile(ctx, reconcile.Request{NamespacedName: set})
}

// Due is what a plan would do now about a set, by what the engine has observed. It is
// nothing where a plan would have to wait, or to look at the API server before.
func (e *Engine) Due(ctx context.Context, set types.NamespacedName) []plan.Action {
	r, m := e.reconciler, e.reconciler.memories.of(set)
	if !m.caughtUp || m.expectations.pending(r.view) != "" {
		return nil
	}
	snapshot, err := load(ctx, r.view, set, r.clock.Now())
	if err != nil || m.uid != snapshot.Set.UID || lostRevision(&snapshot) != m.lost {
		return nil
	}
	r.recall(&snapshot, m)
	return plan.Make(snapshot).Actions
}
