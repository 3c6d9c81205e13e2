package apply

import (
	"context"
	"errors"

	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/plan"
)

// evict deletes the very pod that the plan saw, unless a PodDisruptionBudget forbids it.
func (e *execution) evict(ctx context.Context, pod client.Object, grace *int64) error {
	if err := e.barred(e.set, pod); err != nil {
		return err
	}
	uid, version := pod.GetUID(), pod.GetResourceVersion()
	eviction := &policyv1.Eviction{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.GetNamespace(), Name: pod.GetName()},
		DeleteOptions: &metav1.DeleteOptions{
			GracePeriodSeconds: grace, Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version},
		},
	}
	err := e.Client.SubResource("eviction").Create(ctx, pod, eviction)
	switch message, forbidden := budgetSays(err); {
	case forbidden:
		return heldByBudget{uid, message}
	case client.IgnoreNotFound(err) != nil:
		return err
	}
	e.memory.Expectations.Deleted(kinds.Of(pod), pod)
	if err != nil {
		return stale(pod, "it is gone")
	}
	return nil
}

// budgetSays is what a PodDisruptionBudget answered to an eviction that it forbids.
func budgetSays(err error) (message string, forbidden bool) {
	if !apierrors.IsTooManyRequests(err) {
		return "", false
	}
	cause, is := apierrors.StatusCause(err, policyv1.DisruptionBudgetCause)
	if is && cause.Message == "" {
		return err.Error(), true
	}
	return cause.Message, is
}

// heldByBudget is an eviction that a PodDisruptionBudget forbids. It is no failure: the plan
// waits, and says for what.
type heldByBudget struct {
	uid     types.UID
	message string
}

func (h heldByBudget) Error() string { return h.message }

func isHeld(err error) bool {
	return errors.As(err, &heldByBudget{})
}

// isHeld notes an eviction that a budget forbids, and reports whether err is one.
func (e *execution) isHeld(err error) bool {
	var held heldByBudget
	if !errors.As(err, &held) {
		return false
	}
	e.result.held = &plan.EvictionRefusal{UID: held.uid, Message: held.message, At: e.Clock.Now()}
	return true
}

// Eviction is what a PodDisruptionBudget has said last, nil for nothing that still counts,
// given what it had said before.
func (r *Result) Eviction(before *plan.EvictionRefusal) *plan.EvictionRefusal {
	switch {
	case r.held == nil && r.evicted:
		return nil
	case r.held == nil:
		return before
	}
	now := *r.held
	if now.Since = now.At; before != nil && before.UID == now.UID {
		now.Since = before.Since
	}
	return &now
}
