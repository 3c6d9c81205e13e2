package apply

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/controller/snapshot"
	"ordinal.dev/ordinal/internal/revision"
)

// collide deals with a revision's name that is taken. If the set's own revision
// has it, the cache was behind. If an earlier set of this name left it, it is
// being collected. Otherwise the count that goes into the hash is raised, in the
// status, and the next plan makes another name.
func (e *execution) collide(ctx context.Context, wanted *appsv1.ControllerRevision) error {
	existing := &appsv1.ControllerRevision{}
	if err := e.Live.Get(ctx, client.ObjectKeyFromObject(wanted), existing); err != nil {
		return err
	}
	if revision.SameTemplate(existing.Data.Raw, wanted.Data.Raw) && len(snapshot.OwnRevisions(e.set, []*appsv1.ControllerRevision{existing})) > 0 {
		return stale(wanted, "it exists already")
	}
	owner := metav1.GetControllerOfNoCopy(existing)
	if existing.DeletionTimestamp != nil || owner != nil && owner.UID != e.set.UID && kinds.OwningSet(existing) == e.set.Name {
		return stale(wanted, "an earlier one of this name is still being removed")
	}
	status := e.set.Status.DeepCopy()
	status.CollisionCount = ptr.To(ptr.Deref(status.CollisionCount, 0) + 1)
	if err := e.WriteStatus(ctx, e.set, *status, e.memory, e.reporter); err != nil {
		return err
	}
	return stale(wanted, "another revision has its name")
}
