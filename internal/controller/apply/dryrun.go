package apply

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/override"
	"ordinal.dev/ordinal/internal/plan"
)

// DryRun asks the API server in dry runs whether it takes pods of the set, and returns what it
// said, by the same keys. What it did not say anything to is missing, with an error for it.
func (w *Writer) DryRun(ctx context.Context, set *appsv1.StatefulSet, pods map[string]*corev1.Pod) (map[string]plan.DryRun, error) {
	said := map[string]plan.DryRun{}
	var failed []error
	for _, at := range slices.Sorted(maps.Keys(pods)) {
		if err := w.barred(set, pods[at]); err != nil {
			return said, err
		}
		err := w.Client.Create(ctx, pods[at].DeepCopy(), client.DryRunAll)
		switch {
		case saysNothing(err):
			failed = append(failed, err)
		case isRefused(err):
			said[at] = plan.DryRun{Refused: reason(err), Final: isFinal(err), At: w.Clock.Now()}
		default:
			said[at] = plan.DryRun{At: w.Clock.Now()}
		}
	}
	return said, errors.Join(failed...)
}

// noteRefused keeps that a pod with an override was refused: a dry run may have said something
// else, since not every webhook is asked then.
func (e *execution) noteRefused(a plan.Action, err error) {
	pod, isPod := a.Object.(*corev1.Pod)
	if !isPod || a.Verb != plan.Create || override.HashOn(pod) == "" || !isRefused(err) {
		return
	}
	if e.result.DryRuns == nil {
		e.result.DryRuns = map[string]plan.DryRun{}
	}
	e.result.DryRuns[override.BuildOf(pod)] = plan.DryRun{Refused: reason(err), Final: isFinal(err), At: e.Clock.Now()}
}

// saysNothing reports whether a dry run has to be made again.
func saysNothing(err error) bool {
	return Uncertain(err) || apierrors.IsTooManyRequests(err)
}

// isRefused reports whether the API server does not take a pod for what it is. One of its name
// that exists comes after all checks. A quota and a namespace that is being deleted would be
// in the way of any pod, and a webhook that takes no dry runs has not said anything of it.
func isRefused(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return false
	}
	message := status.Status().Message
	if strings.Contains(message, "exceeded quota") || strings.Contains(message, "does not support dry run") {
		return false
	}
	switch status.Status().Code {
	case http.StatusUnprocessableEntity, http.StatusBadRequest, http.StatusForbidden, http.StatusRequestEntityTooLarge:
		return true
	}
	return false
}

// reason is what the API server said, of which the longest there are would fill a condition.
func reason(err error) string {
	const longest = 400
	if text := err.Error(); len(text) > longest {
		return strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return err.Error()
}
