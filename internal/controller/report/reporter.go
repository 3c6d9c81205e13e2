package report

import (
	"time"

	"golang.org/x/time/rate"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/utils/clock"

	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/plan"
)

// A Reporter reports on all sets of a controller.
type Reporter struct {
	recorder   Recorder
	clock      clock.PassiveClock
	metrics    *Metrics
	eventLimit *rate.Limiter // of the events of what was done
}

// New makes a reporter. Its metrics may be nil, which counts nothing.
func New(recorder Recorder, clock clock.PassiveClock, metrics *Metrics) *Reporter {
	return &Reporter{recorder, clock, metrics, rate.NewLimiter(eventsPerSecond, eventsAtOnce)}
}

// Memory is what is remembered of one set between plans: what was reported of it, and
// what is still to be.
type Memory struct {
	refused     *plan.Refusal              // what the last plans' writes failed with; the plan is told of it
	service     *plan.ServiceRefusal       // the last write of the governing Service that was refused
	refusals    map[refused]warning        // what was last recorded of each
	planned     *plan.Refusal              // the refusal that the present plan knows of
	told        *plan.Refusal              // the one that the written status tells of
	warned      map[plan.Event]time.Time   // when warnings that hold were recorded last
	claims      map[string]plan.ClaimStage // how far the claims were that change
	unrecorded  []plan.Event               // events of what was done
	roomDue     time.Time                  // when the rate limit lets them be recorded; zero before that is known
	changedAt   time.Time                  // when the first change came that the present plan was made for
	toldAt      time.Time                  // when a refusal was last told of without delay
	restedAt    time.Time                  // when the status of the set at rest was last written; zero while it moves
	behindSince time.Time                  // since when the written status or the events are out of date
}

// Refused is the write of the last plans that failed, nil without one.
func (m *Memory) Refused() *plan.Refusal { return m.refused }

// ServiceRefused is the last write of the governing Service that was refused, nil without
// one.
func (m *Memory) ServiceRefused() *plan.ServiceRefusal { return m.service }

// Planned notes that a plan is made that knows of what was refused, and when the first
// change came that it is made for.
func (m *Memory) Planned(changedAt time.Time) { m.planned, m.changedAt = m.refused, changedAt }

// Accepted notes that all writes of a plan were made.
func (m *Memory) Accepted() { m.refused, m.refusals = nil, nil }

// Writes hear of the writes for one set. They are what package apply calls a Reporter.
type Writes struct {
	reporter *Reporter
	set      *appsv1.StatefulSet
	memory   *Memory
}

// WritesOf hears of the writes for a set.
func (r *Reporter) WritesOf(set *appsv1.StatefulSet, m *Memory) Writes { return Writes{r, set, m} }

// Wrote counts a write, in the metrics.
func (w Writes) Wrote(k kinds.Kind, verb string, err error) { w.reporter.metrics.wrote(k, verb, err) }

// Done keeps the event of what was done until it is recorded.
func (w Writes) Done(event plan.Event) { w.memory.unrecorded = append(w.memory.unrecorded, event) }
