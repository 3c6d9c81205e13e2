package apply

import (
	"context"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
