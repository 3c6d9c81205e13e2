package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"ordinal.dev/ordinal/internal/plan"
)

func TestAnAnswerThatDidNotComeIsUncertain(t *testing.T) {
	timeout := apierrors.NewTimeoutError("too slow", 1)
	for _, err := range []error{
		errors.New("connection reset by peer"), context.DeadlineExceeded, timeout, apierrors.NewInternalError(errQuota),
		fmt.Errorf("create web-0: %w", timeout), errors.Join(apierrors.NewConflict(corev1.Resource("pods"), "web-0", nil), timeout),
	} {
		if !Uncertain(err) {
			t.Errorf("%v: the write may have been made", err)
		}
	}
	for _, err := range []error{
		nil, apierrors.NewConflict(corev1.Resource("pods"), "web-0", nil), apierrors.NewTooManyRequests("later", 1),
		fmt.Errorf("create web-0: %w", apierrors.NewForbidden(corev1.Resource("pods"), "web-0", errQuota)),
	} {
		if Uncertain(err) {
			t.Errorf("%v: the write was not made", err)
		}
	}
}

// What heal did not take is not waited for as if it came back.
func TestOfWhatHealTookOnlyWhatItMayHaveDeletedIsRemembered(t *testing.T) {
	w := newWorld(t, web(3), orphan(2))
	lost := apierrors.NewTimeoutError("no answer", 1)
	for what, test := range map[string]struct {
		answer error
		want   []int
	}{
		"gone before":        {nil, []int{2}},
		"changed meanwhile":  {apierrors.NewConflict(corev1.Resource("pods"), "web-1", nil), []int{2}},
		"the answer is lost": {lost, []int{1, 2}},
	} {
		delete(w.Refuse, "delete pods")
		if test.answer != nil {
			w.Refuse["delete pods"] = test.answer
		}
		result, err := w.writer.Do(t.Context(), w.Set(), []plan.Action{{Verb: plan.Delete, Object: orphan(1)}}, &Memory{}, &w.heard)
		if got := result.Healed([]int{1, 2}); err == nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: remembered %v, want %v (%v)", what, got, test.want, err)
		}
	}
}
