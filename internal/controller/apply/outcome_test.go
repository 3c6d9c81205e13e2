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
func TestOfWhatHealTookOnlyWhatWasDeletedIsRemembered(t *testing.T) {
	undone := Result{Undone: []plan.Action{
		{Verb: plan.Delete, Object: orphan(1)},
		{Verb: plan.Create, Object: orphan(2)},
		{Verb: plan.Delete, Object: claimOf(3)},
	}}
	if got := undone.Healed([]int{1, 2, 3, 4}); !slices.Equal(got, []int{2, 3, 4}) {
		t.Errorf("remembered %v, want all but ordinal 1, whose pod was not deleted", got)
	}
}
