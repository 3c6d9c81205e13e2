package report

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"ordinal.dev/ordinal/internal/controller/timing"
	"ordinal.dev/ordinal/internal/plan"
)

// repeatAfter is when a warning that still holds is recorded again: the API server
// forgets an event after an hour.
const repeatAfter = 30 * time.Minute

// A warning is what was last recorded of something that goes on.
type warning struct {
	message string
	at      time.Time
}

// warn records each warning once for as long as it holds, or as events are kept. It
// returns when one is to be recorded again; zero without any.
func (r *Reporter) warn(set *appsv1.StatefulSet, events []plan.Event, m *Memory) (repeat time.Duration) {
	now, holding := r.clock.Now(), map[plan.Event]time.Time{}
	for _, e := range events {
		if _, has := holding[e]; has {
			continue
		}
		at, has := m.warned[e]
		if !has || now.Sub(at) >= repeatAfter {
			record(r.recorder, set, e)
			at = now
		}
		holding[e] = at
		repeat = timing.Soonest(repeat, at.Add(repeatAfter).Sub(now))
	}
	m.warned = holding
	return repeat
}
