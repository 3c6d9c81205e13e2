package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// What the caches show was so at some time. Where that is not enough, this file
// asks the API server what is so now.

// catchUp makes the caches' view of the set wait for all that is so now. A
// controller that has just taken over needs it: its caches may be older than its
// predecessor's last write, and it would take down a second pod of an update whose
// first one is down already. So does one that does not know whether its last write
// succeeded.
func (r *reconciler) catchUp(ctx context.Context, s plan.Snapshot, m *memory) error {
	fresh := r.executor.fresh
	if untouched, err := r.untouched(ctx, s, m); untouched || err != nil {
		m.caughtUp = untouched
		return err
	}
	set := &appsv1.StatefulSet{}
	switch err := fresh.Get(ctx, client.ObjectKeyFromObject(s.Set), set); {
	case apierrors.IsNotFound(err):
		m.expectations.deleted(kindSet, s.Set)
		m.caughtUp = true
		return nil
	case err != nil:
		return err
	}
	m.expectations.wrote(kindSet, set.ResourceVersion)
	if err := r.catchUpPods(ctx, s, m); err != nil {
		return err
	}
	for _, name := range []string{set.Status.CurrentRevision, set.Status.UpdateRevision} {
		known := slices.ContainsFunc(s.Revisions, func(r *appsv1.ControllerRevision) bool { return r.Name == name })
		if name == "" || known {
			continue
		}
		revision := &appsv1.ControllerRevision{}
		err := fresh.Get(ctx, types.NamespacedName{Namespace: set.Namespace, Name: name}, revision)
		if client.IgnoreNotFound(err) != nil {
			return err
		}
		if err == nil {
			m.expectations.wrote(kindRevision, revision.ResourceVersion)
		}
	}
	m.caughtUp = true
	return nil
}

// untouched reports whether no predecessor can have acted on the set in a way that
// matters: the caches show it as its user made it, at a time when this controller
// had taken over. It saves looking at every new set.
func (r *reconciler) untouched(ctx context.Context, s plan.Snapshot, m *memory) (bool, error) {
	r.takeover.Lock()
	defer r.takeover.Unlock()
	if r.tookOver == "" {
		var sets appsv1.StatefulSetList
		if err := r.executor.fresh.List(ctx, &sets, client.Limit(1)); err != nil {
			return false, err
		}
		r.tookOver = sets.ResourceVersion
	}
	asMade := s.Set.Generation == 1 && s.Set.Status.ObservedGeneration == 0 && len(s.Pods) == 0
	return asMade && !m.uncertain && newer(s.Set.ResourceVersion, r.tookOver), nil
}

// catchUpPods waits for the newest of the set's pods, and for those to be gone
// that are.
func (r *reconciler) catchUpPods(ctx context.Context, s plan.Snapshot, m *memory) error {
	selector, err := metav1.LabelSelectorAsSelector(s.Set.Spec.Selector)
	if err != nil {
		return nil // nothing is done about such a set
	}
	var list corev1.PodList
	if err := r.executor.fresh.List(ctx, &list, client.InNamespace(s.Set.Namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return err
	}
	there := map[types.UID]bool{}
	for i := range list.Items {
		there[list.Items[i].UID] = true
		m.expectations.wrote(kindPod, list.Items[i].ResourceVersion)
	}
	for _, pod := range s.Pods {
		if there[pod.UID] {
			continue
		}
		now := &corev1.Pod{} // it may only have lost its labels
		err := r.executor.fresh.Get(ctx, client.ObjectKeyFromObject(pod), now)
		switch {
		case client.IgnoreNotFound(err) != nil:
			return err
		case err != nil || now.UID != pod.UID:
			m.expectations.deleted(kindPod, pod)
		default:
			m.expectations.wrote(kindPod, now.ResourceVersion)
		}
	}
	return nil
}

// uncertain reports whether a write that ended so may have been made all the
// same: everything but an answer of the API server's that says it was refused.
func uncertain(err error) bool {
	if err == nil {
		return false
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return slices.ContainsFunc(joined.Unwrap(), uncertain)
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return true
	}
	code := status.Status().Code
	return code == 0 || code >= 500
}

// adoptable returns an error unless the set is still what it was planned for: no
// cache can rule out that it has been deleted.
func (p *pass) adoptable(ctx context.Context) error {
	fresh := &appsv1.StatefulSet{}
	if err := p.fresh.Get(ctx, client.ObjectKeyFromObject(p.set), fresh); err != nil {
		return err
	}
	if fresh.UID != p.set.UID || fresh.DeletionTimestamp != nil {
		return stale(fresh, "it has been deleted, so it adopts nothing")
	}
	return nil
}

// claimsUsable returns an error unless each claim of a pod to be created exists
// and is to stay: a pod bound to a claim in deletion would hold it back, and lose
// its data when the pod goes (kubernetes#74374). Those just created are left out.
func (p *pass) claimsUsable(ctx context.Context, pod *corev1.Pod, created []plan.Action) error {
	ordinal, err := strconv.Atoi(pod.Labels[appsv1.PodIndexLabel])
	if err != nil {
		return fmt.Errorf("the pod has no ordinal: %w", err)
	}
	for i := range p.set.Spec.VolumeClaimTemplates {
		name := identity.ClaimName(p.set.Spec.VolumeClaimTemplates[i].Name, p.set.Name, ordinal)
		if slices.ContainsFunc(created, func(a plan.Action) bool { return a.Object.GetName() == name }) {
			continue
		}
		claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: name}}
		err := p.fresh.Get(ctx, client.ObjectKeyFromObject(claim), claim)
		switch {
		case apierrors.IsNotFound(err):
			return stale(claim, "it is gone")
		case err != nil:
			return err
		case claim.DeletionTimestamp != nil:
			return stale(claim, "it is being deleted")
		}
	}
	return nil
}
