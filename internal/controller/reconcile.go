package controller

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

const (
	// statusDelay is how far the written status may be behind while a set moves.
	statusDelay = time.Second
	// staleRetry is when to look again at a cache that is behind, should the
	// watch event that ends the wait have been missed.
	staleRetry = time.Second
	// longestStale is how long the caches are waited for before the API server is asked.
	longestStale = 30 * time.Second
	// goOn is when to plan what a pass had no time for: at once.
	goOn = time.Millisecond
)

// reconciler turns one set's snapshot into a plan, and the plan into writes.
type reconciler struct {
	view     cacheView
	clock    clock.PassiveClock
	disabled []plan.Feature
	executor *executor
	recorder Recorder
	metrics  *metrics
	memories memories
	turns    turns

	newsLimit *rate.Limiter // of the events of what was done

	tookOver atomic.Pointer[string] // the API server's resourceVersion when this controller had begun
}

func newReconciler(view cacheView, s Surroundings, workers int, metrics *metrics) *reconciler {
	return &reconciler{
		view: view, clock: s.Clock, disabled: s.Disabled, recorder: s.Recorder, metrics: metrics,
		executor: &executor{client: s.Client, fresh: s.Fresh, recorder: s.Recorder, clock: s.Clock, metrics: metrics, each: inParallel},
		turns:    newTurns(workers), newsLimit: newNewsLimit(),
	}
}

// cacheView is a view that knows how current it is.
type cacheView interface {
	view
	seen
}

// Reconcile implements reconcile.Reconciler, except that it may say when to come back
// and return an error: the set is looked at again then, or when the pause after an
// error is over.
func (r *reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	key := request.NamespacedName
	m := r.memories.of(key)
	m.unplanned.wait()
	if behind := m.expectations.pending(r.view); behind != "" {
		r.metrics.stale(behind)
		if m.doubt(r.clock.Now()) {
			log.FromContext(ctx).Info("the caches do not show what was written, so the API server is asked", "kind", behind, "for", longestStale)
		}
		return reconcile.Result{RequeueAfter: staleRetry}, nil
	}
	m.staleSince = time.Time{}
	snapshot, err := load(ctx, r.view, key, r.clock.Now())
	if apierrors.IsNotFound(err) {
		r.memories.forget(key)
		r.metrics.forget(key)
		r.turns.end(key, r.clock.Now())
		return reconcile.Result{}, nil
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	if m.uid != snapshot.Set.UID {
		m = r.memories.renew(key, snapshot.Set.UID, snapshot.Now)
	}
	if lost := lostRevision(&snapshot); lost != m.lost {
		m.lost = lost
		if lost != "" {
			m.lookAfresh()
		}
	}
	if !m.caughtUp {
		if current, err := r.catchUp(ctx, snapshot, m); err != nil {
			return reconcile.Result{}, err
		} else if !current {
			return reconcile.Result{RequeueAfter: firstRetry}, nil
		}
	}
	r.recall(&snapshot, m)
	m.planned, m.changedAt = m.refused, m.unplanned.taken(snapshot.Now)
	made := plan.Make(snapshot)
	r.metrics.planned(key, snapshot.Set, &made, r.clock.Since(snapshot.Now))
	return r.carryOut(ctx, snapshot.Set, &made, m)
}

// recall adds to a snapshot what is remembered.
func (r *reconciler) recall(s *plan.Snapshot, m *memory) {
	s.FirstSeen, s.Failures, s.Healed, s.Refused, s.Disabled = m.firstSeen, m.failures, m.healed, m.refused, r.disabled
	s.Template = m.templateOf(s.Set)
}

// counted notes a change that only a set's status counts, and returns when the set is
// to be planned for it.
func (r *reconciler) counted(set types.NamespacedName) time.Duration {
	now := r.clock.Now()
	r.turns.stir(set, now)
	return r.memories.of(set).unplanned.counted(now)
}

// carryOut does what the plan says, if it is the set's turn, and says what it did.
func (r *reconciler) carryOut(ctx context.Context, set *appsv1.StatefulSet, made *plan.Plan, m *memory) (reconcile.Result, error) {
	var err error
	var ranOut bool
	wait := r.awaitTurn(set, made)
	if wait == 0 {
		ranOut, err = r.act(ctx, set, made, m)
	}
	repeat := r.warn(set, made.Events, m)
	var statusDue time.Duration
	var statusErr error
	if wait > 0 {
		waiting(&set.Status, &made.Status)
	}
	if wait == 0 || !samePods(&set.Status, &made.Status) {
		statusDue, statusErr = r.report(ctx, set, made, ranOut, m)
	}
	if ranOut { // it got further, and the next pass meets again what has failed in this one
		return reconcile.Result{RequeueAfter: goOn}, nil
	}
	result := reconcile.Result{RequeueAfter: soonest(soonest(wait, made.RequeueAfter), soonest(statusDue, repeat))}
	failed := joined([]error{err, statusErr})
	if apierrors.IsConflict(failed) {
		// Somebody else was faster. The cache is about to show what they did; should
		// it not, the pauses grow as they do after errors.
		log.FromContext(ctx).V(1).Info("an object has changed under the plan, planning again", "conflict", failed.Error())
		pause := min(firstRetry<<min(m.conflicts, 10), lastRetry)
		if m.conflicts++; m.conflicts > 1 { // the cache does not show it yet
			m.lookAfresh()
		}
		result.RequeueAfter = soonest(pause, result.RequeueAfter)
		return result, nil
	}
	m.conflicts = 0
	return result, failed
}

// act makes the plan's writes, or as many as there is time for.
func (r *reconciler) act(ctx context.Context, set *appsv1.StatefulSet, made *plan.Plan, m *memory) (ranOut bool, err error) {
	started := r.clock.Now()
	undone, ranOut, err := r.executor.do(ctx, set, made.Actions, m)
	r.metrics.applied(len(made.Actions), r.clock.Since(started))
	if m.uncertain = uncertain(err); m.uncertain {
		m.lookAfresh()
	}
	m.failures, m.healed = failuresBut(undone, made.Failures, m.failures), made.Healed
	if err == nil && !ranOut {
		m.refused, m.refusals = nil, nil
	}
	return ranOut, err
}

// failuresBut are those that the plan would remember, but for those of the pods that are
// still there: these are as they were.
func failuresBut(undone []plan.Action, planned, before map[int]plan.Failure) map[int]plan.Failure {
	for _, a := range undone {
		_, ordinal, isPod := identity.Parse(a.Object.GetName())
		if a.Verb != plan.Delete || !isPod || kindOf(a.Object) != kindPod {
			continue
		}
		if was, had := before[ordinal]; had {
			planned[ordinal] = was
		} else {
			delete(planned, ordinal)
		}
	}
	return planned
}

// awaitTurn returns how long a set that would begin with a new generation has to
// wait; zero for all others.
func (r *reconciler) awaitTurn(set *appsv1.StatefulSet, made *plan.Plan) time.Duration {
	key, now := client.ObjectKeyFromObject(set), r.clock.Now()
	switch {
	case made.AtRest():
		r.turns.end(key, now)
		return 0
	case len(made.Actions) == 0 || set.Status.ObservedGeneration == set.Generation:
		r.turns.keep(key, set.Status.ObservedGeneration != set.Generation, now)
		return 0
	}
	return r.turns.take(key, now)
}

// waiting makes of the status that a plan would report the one of a set in line: it
// counts the pods as they are, and otherwise stays that of the generation it names.
func waiting(written, made *appsv1.StatefulSetStatus) {
	made.ObservedGeneration = written.ObservedGeneration
	if made.UpdateRevision != written.UpdateRevision {
		made.CurrentRevision, made.UpdateRevision = written.CurrentRevision, written.UpdateRevision
		made.CurrentReplicas = min(written.CurrentReplicas, made.Replicas)
		made.UpdatedReplicas = min(written.UpdatedReplicas, made.Replicas)
	}
}

// samePods reports whether two statuses count the same pods. If so, the written one
// holds for the generation that it names, and is not behind.
func samePods(written, now *appsv1.StatefulSetStatus) bool {
	return written.Replicas == now.Replicas && written.ReadyReplicas == now.ReadyReplicas && written.AvailableReplicas == now.AvailableReplicas
}

// report writes what is out of date, the status and the news of what was done:
// at once when the set is at rest, a refusal is new, or a pass has taken its time, and
// otherwise when it has been out of date for statusDelay. It returns when to come back
// for what it did not write yet.
func (r *reconciler) report(ctx context.Context, set *appsv1.StatefulSet, made *plan.Plan, ranOut bool, m *memory) (time.Duration, error) {
	now := r.clock.Now()
	current := equality.Semantic.DeepEqual(set.Status, made.Status)
	if current && (len(m.news) == 0 || m.newsDue.After(now)) {
		m.behindSince = time.Time{}
		return m.untilNews(now), nil
	}
	refusedAnew := m.refused != nil && (m.told == nil || *m.told != *m.refused)
	if !made.AtRest() && !refusedAnew && !ranOut {
		if m.behindSince.IsZero() {
			m.behindSince = m.changedAt
		}
		if left := m.behindSince.Add(statusDelay).Sub(now); left > 0 {
			return left, nil
		}
	}
	r.announce(set, m)
	if !current {
		if err := r.executor.writeStatus(ctx, set, made.Status, m); err != nil {
			return 0, err
		}
	}
	m.behindSince, m.told = time.Time{}, m.planned
	return m.untilNews(now), nil
}

// soonest is the smaller of two times to come back, of which zero is none.
func soonest(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
