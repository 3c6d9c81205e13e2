package controller

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"ordinal.dev/ordinal/internal/controller/apply"
	"ordinal.dev/ordinal/internal/controller/interlock"
	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/controller/queue"
	"ordinal.dev/ordinal/internal/controller/report"
	"ordinal.dev/ordinal/internal/controller/snapshot"
	"ordinal.dev/ordinal/internal/plan"
)

// An Engine is the controller without a connection: its owner fills the caches,
// keeps the queue, and says what time it is. Package sim runs it so. It is for
// one goroutine.
type Engine struct {
	cache      *snapshot.Cache
	reconciler *reconciler
}

// Surroundings are what an Engine acts on.
type Surroundings struct {
	Client   client.Client // makes the writes
	Live     client.Reader // reads from the API server, never from a cache
	Recorder report.Recorder
	Reports  snapshot.Reporter // reads events of others; nil where there are none
	Clock    clock.PassiveClock
	Disabled []plan.Feature
	// Hooks runs hooks; nil where none are run.
	Hooks Hooks
	// Interlock says where it may act; nil for everywhere.
	Interlock *interlock.Interlock
	Logger    logr.Logger // the zero value drops what is logged
}

// Hooks runs hooks, and remembers how the last run of each ended.
type Hooks interface {
	apply.Hooks
	Runs(set types.NamespacedName) []plan.HookRun
	Forget(set types.NamespacedName)
}

// NewEngine makes an engine with empty caches. Its writes are made one after the
// other, and it has no metrics.
func NewEngine(s Surroundings) *Engine {
	cache := snapshot.NewEmptyCache()
	r := newReconciler(cache, s, DefaultOptions().Workers, nil)
	r.writer.Each = apply.InSequence
	return &Engine{cache, r}
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
	isFirst := e.cache.Version(kinds.Of(example)) == ""
	before, err := e.cache.Replace(example, list, version)
	if err != nil {
		return nil, err
	}
	var calls []Call
	for _, is := range list {
		key := client.ObjectKeyFromObject(is).String()
		was := before[key]
		delete(before, key)
		s := queue.Actionable
		if !isFirst {
			e.reconciler.guard.Observe(was, is)
			s = queue.SignificanceOf(was, is)
		}
		calls = slices.Concat(calls, e.calls(s, was, is), e.sharers(was, is))
	}
	for _, key := range slices.Sorted(maps.Keys(before)) { // in an order that comes again
		calls = slices.Concat(calls, e.calls(queue.Actionable, before[key]), e.sharers(nil, before[key]))
	}
	return calls, nil
}

// Observe takes in that an object is now so, or is gone and was last so, and
// returns which sets are to be reconciled. The object is kept, and stripped of what
// plans do not read.
func (e *Engine) Observe(object client.Object, gone bool) ([]Call, error) {
	was, err := e.cache.Observe(object, gone)
	if err != nil {
		return nil, err
	}
	if gone {
		return append(e.calls(queue.Actionable, was, object), e.sharers(nil, object)...), nil
	}
	e.reconciler.guard.Observe(was, object)
	return append(e.calls(queue.SignificanceOf(was, object), was, object), e.sharers(was, object)...), nil
}

// sharers are the calls for sets that share a governing Service with one that has changed
// in a way that matters to it, or come or gone if was is nil.
func (e *Engine) sharers(was, is client.Object) []Call {
	var calls []Call
	if set, ok := is.(*appsv1.StatefulSet); ok && queue.ConcernsSharers(was, set) {
		for _, sharer := range e.cache.SharersOf(set) {
			calls = append(calls, Call{Set: sharer.NamespacedName})
		}
	}
	return calls
}

// calls are those for the sets that a change of this significance concerns, by what the
// object was and is; nil objects concern none.
func (e *Engine) calls(s queue.Significance, objects ...client.Object) []Call {
	var calls []Call
	for _, object := range objects {
		if object == nil {
			continue
		}
		for _, set := range e.cache.SetsOf(context.Background(), object) {
			if in, ok := e.reconciler.due(s, set.NamespacedName); ok {
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
// nothing where a plan would have to wait for the caches or for another controller, or to
// read from the API server before.
func (e *Engine) Due(ctx context.Context, set types.NamespacedName) []plan.Action {
	r, m := e.reconciler, e.reconciler.memories.of(set)
	s, err := snapshot.Take(ctx, e.cache, set, r.clock.Now())
	if answer := r.guard.MayAct(set.Namespace); answer.Why != "" || answer.Hold > m.hold {
		return nil
	}
	if answer := r.interlock.MayAct(set); answer.Why != "" || answer.Proof > m.proof {
		return nil
	}
	if err != nil || m.uid != s.Set.UID || !m.freshness.Trusts(&s) || m.writes.Expectations.Pending(e.cache) != "" {
		return nil
	}
	r.recall(&s, m)
	made := plan.Make(s)
	if len(made.Looks)+len(made.DryRuns)+len(made.ClaimLooks)+len(made.VolumeLooks) > 0 {
		return nil
	}
	return made.Actions
}
