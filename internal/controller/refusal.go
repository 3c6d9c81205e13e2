package controller

import (
	"errors"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"ordinal.dev/ordinal/internal/plan"
)

const (
	// repeatAfter is when a warning that still holds is recorded again: the API server
	// forgets an event after an hour.
	repeatAfter = 30 * time.Minute
	// mostRefusals bounds what is remembered of a set's refusals.
	mostRefusals = 100
)

// A refusal is why a write failed, and the event that tells of it.
type refusal struct {
	error
	what  refused
	event plan.Event
}

// refused is what was refused, and how.
type refused struct {
	kind         kind
	name, reason string
}

func (r refusal) Unwrap() error { return r.error }

// A warning is what was last recorded of something that goes on.
type warning struct {
	message string
	at      time.Time
}

// refuse records why a write failed, and has the status tell of the first one in a pass.
// A message may differ each time, by an address or a number in it. It is told in the
// same words for as long as the longest pause between two tries then: a status that
// changes has the set looked at again, and there would be no pause.
func (p *pass) refuse(err error) {
	var r refusal
	if !errors.As(err, &r) {
		return
	}
	m, now, message := p.memory, p.clock.Now(), shorten(r.event.Message)
	last, has := m.refusals[r.what]
	age := now.Sub(last.at)
	if !has || age >= repeatAfter || message != last.message && age >= lastRetry {
		record(p.recorder, p.set, r.event)
		if m.refusals == nil || len(m.refusals) >= mostRefusals {
			m.refusals = map[refused]warning{}
		}
		last = warning{message, now}
		m.refusals[r.what] = last
	}
	if !p.told {
		p.told = true
		m.refused = &plan.Refusal{Reason: r.event.Reason, Message: last.message, Final: isFinal(r)}
	}
}

// isFinal reports whether the API server will never accept a write as it is. What
// webhooks and admission policies deny may bear the same codes, and they may be changed;
// a quota may be raised.
func isFinal(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || strings.Contains(status.Status().Message, "denied") {
		return false
	}
	switch status.Status().Code {
	case http.StatusUnprocessableEntity, http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		return true
	}
	return false
}
