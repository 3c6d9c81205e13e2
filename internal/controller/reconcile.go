package controller

import (
	"context"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"ordinal.dev/ordinal/internal/controller/apply"
	"ordinal.dev/ordinal/internal/controller/guard"
	"ordinal.dev/ordinal/internal/controller/interlock"
	"ordinal.dev/ordinal/internal/controller/queue"
	"ordinal.dev/ordinal/internal/controller/report"
	"ordinal.dev/ordinal/internal/controller/snapshot"
	"ordinal.dev/ordinal/internal/controller/timing"
	"ordinal.dev/ordinal/internal/plan"
)

const (
	// staleRetry is when to check a cache again that is behind, should the
	// watch event that ends the wait have been missed.
	staleRetry = time.Second
	// goOn is when to plan what there was no time for: at once.
	goOn = time.Millisecond
)

// reconciler turns one set's snapshot into a plan, and the plan into writes.
type reconciler struct {
	cache    cache
	clock    clock.PassiveClock
	disabled []plan.Feature
	memories memories

	hooks     Hooks                // nil where none are run
	reports   snapshot.Reporter    // of other components' events; nil for none
	interlock *interlock.Interlock // nil where there is nobody to be fenced off
	guard     *guard.Guard
	checker   *snapshot.Checker
	writer    *apply.Writer
	reporter  *report.Reporter
	metrics   *report.Metrics
	admission *queue.Admission
}

// cache is a view that knows how current it is.
type cache interface {
	snapshot.View
	snapshot.Seen
	Gone(ctx context.Context, set types.NamespacedName) (*appsv1.StatefulSet, error)
	Considers(set types.NamespacedName, labels []map[string]string)
}

func newReconciler(cache cache, s Surroundings, workers int, metrics *report.Metrics) *reconciler {
	r := &reconciler{
		cache: cache, clock: s.Clock, disabled: s.Disabled, metrics: metrics,
		reports:   s.Reports,
		hooks:     s.Hooks,
		interlock: s.Interlock,
		checker:   snapshot.NewChecker(s.Live, cache),
		writer:    &apply.Writer{Client: s.Client, Live: s.Live, Clock: s.Clock, Each: apply.InParallel, Hooks: s.Hooks, MayWrite: mayWrite(s.Interlock)},
		reporter:  report.New(s.Recorder, s.Clock, metrics),
		admission: queue.NewAdmission(queue.Limits{First: 2 * workers, Least: workers, Most: 4 * workers}),
	}
	r.guard = guard.New(s.Clock, guarded{cache, s.Interlock}, report.Holds{Recorder: s.Recorder, Metrics: metrics, Logger: s.Logger})
	return r
}

// steps are what is done for one set, in this order. Each of them may end it.
var steps = [...]func(*setSync, context.Context) (ended bool, err error){
	(*setSync).awaitFence,      // that keeps the in-tree controller out of the namespace
	(*setSync).awaitLeave,      // while another controller acts in the namespace
	(*setSync).awaitOwnWrites,  // until the caches show what was written for the set
	(*setSync).takeSnapshot,    // from the caches
	(*setSync).forgetEarlier,   // what is remembered of another set that had the name
	(*setSync).checkFenced,     // all claims of the set, not only those that it had once
	(*setSync).noteHold,        // that another controller has acted on the set
	(*setSync).awaitCatchUp,    // until the caches show what the API server does, where that is in doubt
	(*setSync).noteNamespace,   // that it is being deleted, and a set in it that waits for its pods
	(*setSync).makePlan,        // all decisions are in package plan
	(*setSync).dryRunOverrides, // whether the API server takes pods with them
	(*setSync).lookClosely,     // at pods that are updated where they are
	(*setSync).askWhy,          // pods do not start, in the words of other components
	(*setSync).awaitAdmission,  // a new generation begins when there is a slot for its rollout
	(*setSync).applyPlan,       // the writes
	(*setSync).report,          // events and the status
	(*setSync).noteLeft,        // that nothing is left to take back of a set that is given back
	(*setSync).scheduleNext,    // when to reconcile again
}

// Reconcile implements reconcile.Reconciler, except that it may say when to come back
// and return an error: the set is reconciled again then, or when the pause after an
// error is over, whichever is sooner.
func (r *reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	s := &setSync{reconciler: r, key: request.NamespacedName, memory: r.memories.of(request.NamespacedName)}
	for _, step := range steps {
		if ended, err := step(s, ctx); ended || err != nil {
			return reconcile.Result{RequeueAfter: s.requeueAfter}, err
		}
	}
	return reconcile.Result{RequeueAfter: s.requeueAfter}, nil
}

// setSync is one set being reconciled.
type setSync struct {
	*reconciler
	key      types.NamespacedName
	memory   *memory
	snapshot plan.Snapshot
	plan     plan.Plan
	askAgain time.Duration // when events may be read again; zero for never
	hold     int           // the number of the namespace's last hold; see package guard
	fence    interlock.Answer
	inLine   time.Duration // how long the set has to wait for admission; zero if it is admitted

	ranOut       bool // there was no time for all of the plan
	tryAgain     bool // a dry run could not be made
	onHold       bool // something was refused that nothing else waits for
	applyErr     error
	reportErr    error
	requeueAfter time.Duration
}

// awaitLeave ends the sync while nothing may be written in the namespace, not even for a
// set that is gone.
func (s *setSync) awaitLeave(context.Context) (ended bool, err error) {
	answer := s.guard.MayAct(s.key.Namespace)
	s.hold, s.requeueAfter = answer.Hold, answer.Again
	return answer.Why != "", nil
}

// awaitOwnWrites ends the sync if the caches do not show yet what was written for the set.
func (s *setSync) awaitOwnWrites(ctx context.Context) (ended bool, err error) {
	m := s.memory
	m.pending.Wait()
	behind := m.writes.Expectations.Pending(s.cache)
	if behind == "" {
		m.freshness.NotStale()
		return false, nil
	}
	s.metrics.Stale(behind)
	if m.freshness.Stale(s.clock.Now()) {
		m.writes.Expectations.Reset()
		log.FromContext(ctx).Info("the caches do not show what was written, so the API server is asked", "kind", behind, "for", snapshot.LongestStale)
	}
	s.requeueAfter = staleRetry
	return true, nil
}

// takeSnapshot ends the sync if the set is gone.
func (s *setSync) takeSnapshot(ctx context.Context) (ended bool, err error) {
	s.snapshot, err = snapshot.Take(ctx, s.cache, s.key, s.clock.Now())
	if apierrors.IsNotFound(err) {
		return true, s.bury(ctx)
	}
	return false, err
}

// forgetEarlier begins anew with a set that has the name of an earlier one.
func (s *setSync) forgetEarlier(context.Context) (ended bool, err error) {
	if s.memory.uid != s.snapshot.Set.UID {
		s.memory = s.memories.renew(s.key, s.snapshot.Set.UID, s.snapshot.Now)
	}
	return false, nil
}

// noteHold has the API server asked before the first plan after a hold of the namespace, or
// behind a fence: the caches may not show yet what another controller did last.
func (s *setSync) noteHold(context.Context) (ended bool, err error) {
	if m := s.memory; s.hold > m.hold || s.fence.Proof > m.proof {
		m.hold, m.proof, m.stop = s.hold, s.fence.Proof, ""
		m.freshness.OthersActed()
	}
	return false, nil
}

// awaitCatchUp ends the sync if the snapshot may be older than the last write to the set.
func (s *setSync) awaitCatchUp(ctx context.Context) (ended bool, err error) {
	current, err := s.checker.CaughtUp(ctx, s.snapshot, &s.memory.freshness, &s.memory.writes.Expectations)
	if err != nil || current {
		return false, err
	}
	s.requeueAfter = timing.FirstRetry
	return true, nil
}

// makePlan asks package plan what is to be done.
func (s *setSync) makePlan(context.Context) (ended bool, err error) {
	s.memory.noteService(&s.snapshot)
	s.recall(&s.snapshot, s.memory)
	s.memory.report.Planned(s.memory.pending.Taken(s.snapshot.Now))
	s.plan = plan.Make(s.snapshot)
	s.cache.Considers(s.key, s.plan.Considered)
	s.metrics.Planned(s.key, s.snapshot.Set, &s.plan, s.clock.Since(s.snapshot.Now))
	return false, nil
}

// lookClosely reads the pods and claims that the plan asks for from the API server, and plans again.
func (s *setSync) lookClosely(ctx context.Context) (ended bool, err error) {
	for range snapshot.MostLooks {
		looked, err := snapshot.Look(ctx, s.writer.Live, &s.snapshot, &s.plan)
		if err != nil || !looked {
			return false, err
		}
		s.memory.volumes = s.snapshot.Volumes
		s.plan = plan.Make(s.snapshot)
	}
	return false, nil
}

// askWhy reads the events that the plan asks for, seldom, and plans again with what they
// say. Without them the plan is the same in fewer words.
func (s *setSync) askWhy(ctx context.Context) (ended bool, err error) {
	if s.reports == nil {
		return false, nil
	}
	m, asks := s.memory, s.plan.Asks
	due, again := m.asked.Due(asks, s.snapshot.Now)
	if !due {
		s.askAgain = again
		return false, nil
	}
	reports, err := s.reports(ctx, s.key.Namespace, asks)
	if err != nil {
		log.FromContext(ctx).V(1).Info("events cannot be read, so why pods wait is not told", "error", err.Error())
	}
	m.asked.Read(asks, reports, s.snapshot.Now)
	_, s.askAgain = m.asked.Due(asks, s.snapshot.Now)
	s.snapshot.Reported = reports
	s.plan = plan.Make(s.snapshot)
	return false, nil
}

// recall adds to a snapshot what is remembered.
func (r *reconciler) recall(s *plan.Snapshot, m *memory) {
	s.FirstSeen, s.Failures, s.Healed, s.Refused, s.Disabled = m.firstSeen, m.failures, m.healed, m.report.Refused(), r.disabled
	s.Template, s.Reported = m.templateOf(s.Set), m.asked.Reports()
	s.Leaving, s.Bore, s.DryRuns = r.leaving(s), m.bore, m.dryRuns
	s.EvictionRefused, s.NoResize, s.ResizeRefused, s.ClaimsRefused, s.Volumes = m.refusal, m.noResize, m.resize, m.claims, m.volumes
	if r.hooks != nil {
		s.HookRuns = r.hooks.Runs(client.ObjectKeyFromObject(s.Set))
	}
	s.NoServiceSince, s.LastService, s.ServiceRefused, s.NamespaceEnds = m.noService, m.service, m.report.ServiceRefused(), m.spaceEnds
}

// awaitAdmission does not end the sync of a set in line: its status may be behind.
func (s *setSync) awaitAdmission(context.Context) (ended bool, err error) {
	s.inLine = s.admission.Admit(s.snapshot.Set, &s.plan, s.clock.Now())
	return false, nil
}

// applyPlan makes the plan's writes, or as many as there is time for. It does not end the
// sync if they fail: that is reported first.
func (s *setSync) applyPlan(ctx context.Context) (ended bool, err error) {
	if s.inLine > 0 {
		return false, nil
	}
	m, started := s.memory, s.clock.Now()
	result, err := s.writer.Do(ctx, s.snapshot.Set, s.plan.Actions, &m.writes, s.reporter.WritesOf(s.snapshot.Set, &m.report))
	s.metrics.Applied(len(s.plan.Actions), s.clock.Since(started))
	m.spaceEnds = m.spaceEnds || result.NamespaceEnds
	m.freshness.Wrote(apply.Uncertain(err))
	m.bore, m.refusal, m.noResize = s.plan.Bore, result.Eviction(m.refusal), m.noResize || result.NoResize
	if len(result.DryRuns) > 0 {
		m.addDryRuns(result.DryRuns)
	}
	if result.ResizeRefused != nil {
		m.resize = result.ResizeRefused
	}
	m.claims = result.Claims(m.claims)
	m.failures, m.healed = result.Failures(s.plan.Failures, m.failures), result.Healed(s.plan.Healed)
	if err == nil && !result.RanOut {
		m.report.Accepted()
	}
	s.ranOut, s.onHold, s.applyErr = result.RanOut, result.OnHold, err
	return false, nil
}

// report tells what was planned and done, in events and in the status.
func (s *setSync) report(ctx context.Context) (ended bool, err error) {
	m, set := s.memory, s.snapshot.Set
	progress := report.Progress{InLine: s.inLine > 0, RanOut: s.ranOut}
	due, err := s.reporter.Report(set, &s.plan, progress, &m.report, func() error {
		return s.writer.WriteStatus(ctx, set, s.plan.Status, &m.writes, s.reporter.WritesOf(set, &m.report))
	})
	again, policyErr := s.writePolicies(ctx, s.plan.Policies)
	s.reportErr = apply.Joined(err, policyErr)
	s.requeueAfter = timing.Soonest(timing.Soonest(s.inLine, s.plan.RequeueAfter), timing.Soonest(timing.Soonest(due, again), s.askAgain))
	return false, nil
}

// scheduleNext says when to come back, and returns what went wrong.
func (s *setSync) scheduleNext(ctx context.Context) (ended bool, err error) {
	if s.ranOut { // it got further, and the next plan meets again what has failed in this one
		s.requeueAfter = goOn
		return true, nil
	}
	if s.tryAgain {
		s.requeueAfter = timing.Soonest(staleRetry, s.requeueAfter)
	}
	if s.onHold {
		s.requeueAfter = timing.Soonest(timing.FirstRetry, s.requeueAfter)
	}
	failed := apply.Joined(s.applyErr, s.reportErr)
	if apierrors.IsConflict(failed) {
		// Somebody else was faster. The cache is about to show what they did; should
		// it not, the pauses grow as they do after errors.
		log.FromContext(ctx).V(1).Info("an object has changed under the plan, planning again", "conflict", failed.Error())
		pause := queue.AfterConflict(s.memory.freshness.Conflict())
		s.requeueAfter = timing.Soonest(pause, s.requeueAfter)
		return true, nil
	}
	s.memory.freshness.NoConflict()
	return true, failed
}

// due is in how long a change of this significance has a set planned; ok is false for
// never.
func (r *reconciler) due(s queue.Significance, set types.NamespacedName) (in time.Duration, ok bool) {
	switch s {
	case queue.Irrelevant:
		return 0, r.memories.awaits(set)
	case queue.StatusOnly:
		now := r.clock.Now()
		r.admission.Active(set, now)
		return r.memories.of(set).pending.StatusOnly(now), true
	}
	return 0, true
}
