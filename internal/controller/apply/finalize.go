package apply

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"ordinal.dev/ordinal/internal/controller/kinds"
)

// finalize replaces the finalizers of a set, provided it is still as it was seen. They are
// written by its status subresource, which takes metadata along and leaves the spec alone: so
// the controller needs no permission by which it could write one.
func (e *execution) finalize(ctx context.Context, set *appsv1.StatefulSet, finalizers []string) error {
	if err := e.barred(e.set, set); err != nil {
		return err
	}
	updated := set.DeepCopy()
	updated.Finalizers = finalizers
	err := e.Client.Status().Update(ctx, updated)
	switch {
	case apierrors.IsNotFound(err):
		return stale(set, "it is gone")
	case err != nil:
		return err
	case set.DeletionTimestamp != nil && len(finalizers) == 0:
		e.memory.Expectations.Gone(kinds.Set, set) // that was the last that kept it
		return nil
	}
	e.memory.Expectations.Wrote(kinds.Set, updated.ResourceVersion)
	return nil
}
