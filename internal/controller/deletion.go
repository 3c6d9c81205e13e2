package controller

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"ordinal.dev/ordinal/internal/controller/apply"
	"ordinal.dev/ordinal/internal/controller/queue"
	"ordinal.dev/ordinal/internal/controller/snapshot"
	"ordinal.dev/ordinal/internal/controller/timing"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// bury ends what is done for a set that is gone: when its last pod is gone, too. Until
// then a Service of ours is kept, so that the pods have their names while they end.
func (s *setSync) bury(ctx context.Context) error {
	left, err := s.keepNames(ctx)
	err = apply.Joined(err, s.tellOfNoTarget(ctx))
	if !left && err == nil {
		s.memories.forget(s.key)
	}
	s.cache.Considers(s.key, nil)
	s.interlock.Gone(s.key.Namespace, s.key.Name)
	s.metrics.Forget(s.key)
	s.admission.End(s.key, s.clock.Now())
	if s.hooks != nil {
		s.hooks.Forget(s.key)
	}
	return err
}

// noteNamespace finds out whether a namespace is being deleted with a set that would take down
// its pods in order: it must not be kept. Nothing is created for such a set, by which that would
// show. Who may list namespaces may list a single one, and need not get it.
func (s *setSync) noteNamespace(ctx context.Context) (ended bool, err error) {
	if s.memory.spaceEnds || !plan.KeepsPods(s.snapshot.Set) {
		return false, nil
	}
	var list corev1.NamespaceList
	if err := s.writer.Live.List(ctx, &list, client.MatchingFields{"metadata.name": s.key.Namespace}); err != nil {
		log.FromContext(ctx).Error(err, "whether the namespace is being deleted cannot be found out, and is looked at again")
		return false, nil
	}
	for i := range list.Items {
		s.memory.spaceEnds = s.memory.spaceEnds || list.Items[i].DeletionTimestamp != nil
	}
	return false, nil
}

// goneBefore is a set that was gone before this controller began, or is forgotten, as far as
// it can be told by what is left of it; nil if nothing is, or if only the cache lacks it.
func (s *setSync) goneBefore(ctx context.Context) (*appsv1.StatefulSet, error) {
	set, err := s.cache.Gone(ctx, s.key)
	if set == nil || err != nil {
		return nil, err
	}
	if err := s.writer.Live.Get(ctx, s.key, &appsv1.StatefulSet{}); !apierrors.IsNotFound(err) {
		return nil, err
	}
	return set, nil
}

// isOrphaned reports whether none of the pods that are to own the Service is the set's any
// more: a cache that is behind may have missed that it was deleted with its pods orphaned.
// Some of them may be, where its user thought better of it in the middle.
func (s *setSync) isOrphaned(ctx context.Context, set *appsv1.StatefulSet, actions []plan.Action) (bool, error) {
	orphans := false
	for _, a := range actions {
		owners := a.Object.GetOwnerReferences()
		if a.Change.Owners != nil {
			owners = *a.Change.Owners
		}
		for _, ref := range owners {
			if ref.Kind != identity.PodKind.Kind {
				continue
			}
			pod := &corev1.Pod{}
			err := s.writer.Live.Get(ctx, types.NamespacedName{Namespace: set.Namespace, Name: ref.Name}, pod)
			if err == nil && pod.UID == ref.UID {
				if metav1.IsControlledBy(pod, set) {
					return false, nil
				}
				orphans = true
			}
			if client.IgnoreNotFound(err) != nil {
				return false, err
			}
		}
	}
	return orphans, nil
}

// keepNames keeps the Service of a set that is gone, and reports whether pods are left
// that need it. It is planned for as for a set in deletion, which it was when it went.
func (s *setSync) keepNames(ctx context.Context) (left bool, err error) {
	m := s.memory
	set := m.set.DeepCopy()
	if set == nil {
		if set, err = s.goneBefore(ctx); set == nil {
			return false, err
		}
	}
	if set.Spec.ServiceName == "" {
		return false, nil
	}
	if set.DeletionTimestamp == nil {
		set.DeletionTimestamp = &metav1.Time{Time: s.clock.Now()}
	}
	if s.snapshot, err = snapshot.Of(ctx, s.cache, set, s.clock.Now()); err != nil {
		return false, err
	}
	m.noteService(&s.snapshot)
	s.recall(&s.snapshot, m)
	made := plan.Make(s.snapshot)
	if made.Status.Replicas == 0 && len(made.Actions) == 0 {
		return false, nil
	}
	if orphaned, err := s.isOrphaned(ctx, set, made.Actions); orphaned || err != nil {
		return false, err
	}
	result, err := s.writer.Do(ctx, set, made.Actions, &m.writes, s.reporter.WritesOf(set, &m.report))
	m.spaceEnds = m.spaceEnds || result.NamespaceEnds
	s.requeueAfter = timing.Soonest(s.requeueAfter, made.RequeueAfter)
	if apierrors.IsConflict(err) { // the garbage collector was faster, most likely
		s.requeueAfter = timing.Soonest(s.requeueAfter, queue.AfterConflict(m.freshness.Conflict()))
		return true, nil
	}
	m.freshness.NoConflict()
	return true, err
}
