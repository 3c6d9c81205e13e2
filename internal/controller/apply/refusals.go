package apply

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/plan"
)

// mostFailures is how many writes of a sort may fail in an execution before no more of
// them are made: enough that one bad object does not hide the others, and few enough
// that a quota is not hammered.
const mostFailures = 3

// A writeSort is of writes that are refused or accepted together, more often than not.
type writeSort struct {
	verb plan.Verb
	kind kinds.Kind
}

func writeSortOf(a plan.Action) writeSort { return writeSort{a.Verb, kinds.Of(a.Object)} }

// isHopeless reports whether an action needs a write of a sort that has failed often
// enough.
func (e *execution) isHopeless(a plan.Action) bool {
	return e.failed[writeSortOf(a)] >= mostFailures || slices.ContainsFunc(a.Needs, e.isHopeless)
}

// A refusal is why a write failed, and the event that tells of it.
type refusal struct {
	error
	kind  kinds.Kind
	name  string
	event plan.Event
}

func (r refusal) Unwrap() error { return r.error }

// refusalOf is the error of a write that failed: a refusal, unless there is nothing in it
// that a user could act on.
func refusalOf(a plan.Action, event plan.Event, err error) error {
	if apierrors.IsConflict(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return err
	}
	err = fmt.Errorf("%s %s %s: %w", a.Verb, a.Kind(), a.Object.GetName(), err)
	return refusal{err, kinds.Of(a.Object), a.Object.GetName(), event}
}

// refuse reports why a write failed, if that is a refusal.
func (e *execution) refuse(err error) {
	var r refusal
	if errors.As(err, &r) {
		e.reporter.Refused(r.kind, r.name, r.event, isFinal(r), !e.refused)
		e.refused = true
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
