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

// What somebody else took is not waited for as if heal had.
func TestOfWhatHealTookOnlyWhatItDeletedIsRemembered(t *testing.T) {
	w := newWorld(t, web(3))
	result, err := w.writer.Do(t.Context(), w.Set(), []plan.Action{{Verb: plan.Delete, Object: orphan(1)}}, &Memory{}, &w.heard)
	if !apierrors.IsConflict(err) {
		t.Errorf("err = %v, want a conflict: the pod was gone", err)
	}
	if got := result.Healed([]int{1, 2}); !slices.Equal(got, []int{2}) {
		t.Errorf("remembered %v, want all but ordinal 1, whose pod was gone", got)
	}
}
