package report

import (
	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/controller/timing"
	"ordinal.dev/ordinal/internal/plan"
)

// mostRefusals bounds what is remembered of a set's refusals.
const mostRefusals = 100

// refused is what was refused, and how.
type refused struct {
	kind         kinds.Kind
	name, reason string
}

// Refused records why a write failed, and has the status tell of the first one of a plan,
// or in a condition of its own, of one of the governing Service.
// A message may differ each time, by an address or a number in it. It is told in the
// same words for as long as the longest pause between two tries then: a status that
// changes has the set planned again, and there would be no pause.
func (w Writes) Refused(k kinds.Kind, name string, event plan.Event, final, first bool) {
	m, now, message := w.memory, w.reporter.clock.Now(), shorten(event.Message)
	what := refused{k, name, event.Reason}
	last, has := m.refusals[what]
	age := now.Sub(last.at)
	if !has || age >= repeatAfter || message != last.message && age >= timing.LastRetry {
		record(w.reporter.recorder, w.set, event)
		if m.refusals == nil || len(m.refusals) >= mostRefusals {
			m.refusals = map[refused]warning{}
		}
		last = warning{message, now}
		m.refusals[what] = last
	}
	refusal := plan.Refusal{Reason: event.Reason, Message: last.message, Final: final}
	switch {
	case k == kinds.Service:
		m.service = &plan.ServiceRefusal{Refusal: refusal, At: now}
	case first:
		m.refused = &refusal
	}
}
