package apply

import (
	"context"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/plan"
)

// A Writer makes the writes of plans.
type Writer struct {
	Client client.Client // makes the writes
	Live   client.Reader // reads from the API server, never from a cache
	Clock  clock.PassiveClock
	// MayWrite reports whether anything may be written about a set, up to the last moment;
	// nil for always.
	MayWrite func(set types.NamespacedName) bool
	// Hooks runs hooks, nil where none are run.
	Hooks Hooks
	// Each does 0 to n-1, which are independent of each other; n is not 0.
	Each func(n int, do func(int))
}

// Hooks runs hooks, and does not wait for their end.
type Hooks interface {
	Start(ctx context.Context, set types.NamespacedName, c plan.HookCall)
}

// InParallel is a [Writer]'s Each. The last is done on the caller's stack: a new one would
// have to grow first.
func InParallel(n int, do func(int)) {
	var wg sync.WaitGroup
	for i := range n - 1 {
		wg.Go(func() { do(i) })
	}
	do(n - 1)
	wg.Wait()
}

// InSequence is a [Writer]'s Each that does one after the other.
func InSequence(n int, do func(int)) {
	for i := range n {
		do(i)
	}
}

// Memory is what is remembered of the writes for one set between plans.
type Memory struct {
	Expectations Expectations
	next         pacing // of the writes that an execution which ran out of time would have made next
}

// A Reporter is told how the writes for one set went.
type Reporter interface {
	// Wrote is told of every write, of those that failed too. Safe for concurrent use.
	Wrote(k kinds.Kind, verb string, err error)
	// Done is told what was done, in an event. It is called by one goroutine at a time.
	Done(event plan.Event)
	// Refused is told of a write that failed, whether it will be refused for ever, and
	// whether it is the first of the plan.
	Refused(k kinds.Kind, name string, event plan.Event, final, first bool)
}

// Result is how far a plan was carried out.
type Result struct {
	// Undone are the actions that were not done, since they failed, or those before them
	// in their order did, or there was no time.
	Undone []plan.Action
	// Uncertain are the names of objects whose write may have been made all the same.
	Uncertain []string
	// RanOut says that there was no time for all.
	RanOut bool
	// OnHold says that a write which nothing else waits for was refused, or an eviction by a
	// budget. It is no error; the next plan says when it is tried again.
	OnHold bool
	// NamespaceEnds says that a write was refused since the namespace is being deleted.
	NamespaceEnds bool
	// NoResize says that the API server does not know how to resize pods, ResizeRefused
	// which resize it refuses, nil for none.
	NoResize      bool
	ResizeRefused *plan.ResizeRefusal

	// DryRuns are pods with overrides that the API server has refused, though it took them in a
	// dry run, by what they were made from.
	DryRuns map[string]plan.DryRun

	claims  map[types.UID]plan.ClaimRefusal // changes of claims that were refused, or zero that were not
	held    *plan.EvictionRefusal           // the eviction that a PodDisruptionBudget forbade
	evicted bool                            // one was allowed
}

// Do carries out the actions of one plan for the set. It stops when that has taken about
// longestExecution, so that the next plan is made of what is so then.
func (w *Writer) Do(ctx context.Context, set *appsv1.StatefulSet, actions []plan.Action, m *Memory, reporter Reporter) (Result, error) {
	e := &execution{Writer: w, set: set, memory: m, reporter: reporter, ends: w.Clock.Now().Add(longestExecution), failed: map[writeSort]int{}}
	e.mayAdopt = sync.OnceValue(func() error { return e.adoptable(ctx) })
	var first, services, claims, inTurn, rest []plan.Action
	for _, a := range actions {
		switch kind := kinds.Of(a.Object); {
		case a.Verb == plan.RunHook:
			e.startHook(ctx, *a.Hook)
		case kind == kinds.Revision && a.Verb != plan.Delete:
			first = append(first, a)
		case kind == kinds.Service: // before the pods that it is to select
			services = append(services, a)
		case a.Change.Claim != nil:
			claims = append(claims, a)
		case a.InTurn:
			inTurn = append(inTurn, a)
		default:
			rest = append(rest, a)
		}
	}
	failed := e.inOrder(ctx, first)
	err := e.besides(ctx, services) // even so: a Service waits for nothing
	if failed != nil {
		e.result.Undone = slices.Concat(e.result.Undone, inTurn, rest)
		return e.result, Joined(failed, err)
	}
	return e.result, Joined(err, e.inOrder(ctx, inTurn), e.batches(ctx, rest), e.changeClaims(ctx, claims))
}

// execution is one plan being carried out.
type execution struct {
	*Writer
	set      *appsv1.StatefulSet
	memory   *Memory
	reporter Reporter
	mayAdopt func() error // asks once, see adoptable
	ends     time.Time
	done     bool // whether any action was
	result   Result
	refused  bool       // a refusal was reported
	mu       sync.Mutex // guards failed, and is held while an event is reported
	failed   map[writeSort]int
}

// isOver reports whether the execution has run out of time. One that has done nothing has
// not: what is refused slowly must not keep the rest from being tried.
func (e *execution) isOver() bool {
	e.result.RanOut = e.result.RanOut || e.done && !e.Clock.Now().Before(e.ends)
	return e.result.RanOut
}
