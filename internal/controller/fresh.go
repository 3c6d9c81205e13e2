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

// catchUp reports whether the snapshot is of what is so now, and otherwise has the
// set wait until the caches show it. A controller that has just taken over needs
// that: its caches may be older than its predecessor's last write, and it would take
// down a second pod of an update whose first one is down already. So does one that
// does not know whether its last write was made.
func (r *reconciler) catchUp(ctx context.Context, s plan.Snapshot, m *memory) (bool, error) {
	if untouched, err := r.untouched(ctx, s, m); untouched || err != nil {
		m.caughtUp = untouched
		return untouched, err
	}
	set := &appsv1.StatefulSet{}
	switch err := r.executor.fresh.Get(ctx, client.ObjectKeyFromObject(s.Set), set); {
	case apierrors.IsNotFound(err):
		m.expectations.gone(kindSet, s.Set)
		return false, nil
	case err != nil:
		return false, err
	}
	m.expectations.wrote(kindSet, set.ResourceVersion)
	podsCurrent, err := r.catchUpPods(ctx, s, m)
	if err != nil {
		return false, err
	}
	revisionsCurrent, err := r.catchUpRevisions(ctx, s, set, m)
	return podsCurrent && revisionsCurrent && set.ResourceVersion == s.Set.ResourceVersion, err
}

// catchUpPods has the set wait for the newest of its pods, and for those to be gone
// that are. The set has caught up when the cache is as new as this: until then it
// may still get to see pods that have come and gone.
func (r *reconciler) catchUpPods(ctx context.Context, s plan.Snapshot, m *memory) (bool, error) {
	selector, err := metav1.LabelSelectorAsSelector(s.Set.Spec.Selector)
	if err != nil {
		return true, nil // nothing is done about such a set
	}
	var list corev1.PodList
	if err := r.executor.fresh.List(ctx, &list, client.InNamespace(s.Set.Namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return false, err
	}
	now := map[types.UID]string{}
	for i := range list.Items {
		if pod := &list.Items[i]; slices.Contains(podSets(pod), s.Set.Name) {
			now[pod.UID] = pod.ResourceVersion
			m.expectations.wrote(kindPod, pod.ResourceVersion)
		}
	}
	current := true
	for _, pod := range s.Pods {
		if _, there := now[pod.UID]; !there {
			if now[pod.UID], err = r.versionNow(ctx, pod, m); err != nil {
				return false, err
			}
		}
		current = current && now[pod.UID] == pod.ResourceVersion
	}
	m.caughtUp = current && !newer(list.ResourceVersion, r.view.version(kindPod))
	return current && len(now) == len(s.Pods), nil
}

// versionNow is the resourceVersion of a pod that the set's selector does not
// find; empty if it is gone.
func (r *reconciler) versionNow(ctx context.Context, pod *corev1.Pod, m *memory) (string, error) {
	now := &corev1.Pod{}
	err := r.executor.fresh.Get(ctx, client.ObjectKeyFromObject(pod), now)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return "", err
	case err != nil || now.UID != pod.UID:
		m.expectations.gone(kindPod, pod)
		return "", nil
	}
	m.expectations.wrote(kindPod, now.ResourceVersion)
	return now.ResourceVersion, nil
}

// catchUpRevisions has the set wait for those of its revisions that its status names.
// One that an earlier set of its name left is not waited for.
func (r *reconciler) catchUpRevisions(ctx context.Context, s plan.Snapshot, set *appsv1.StatefulSet, m *memory) (bool, error) {
	current := true
	for _, name := range unknownRevisions(set, s.Revisions) {
		revision := &appsv1.ControllerRevision{}
		err := r.executor.fresh.Get(ctx, types.NamespacedName{Namespace: set.Namespace, Name: name}, revision)
		if client.IgnoreNotFound(err) != nil {
			return false, err
		}
		if err == nil && len(ownRevisions(set, []*appsv1.ControllerRevision{revision})) > 0 {
			m.expectations.wrote(kindRevision, revision.ResourceVersion)
			current = false
		}
	}
	return current, nil
}

// unknownRevisions are those that the set's status names and that are not among the
// given ones.
func unknownRevisions(set *appsv1.StatefulSet, revisions []*appsv1.ControllerRevision) (names []string) {
	for _, name := range []string{set.Status.CurrentRevision, set.Status.UpdateRevision} {
		known := slices.ContainsFunc(revisions, func(r *appsv1.ControllerRevision) bool { return r.Name == name })
		if name != "" && !known {
			names = append(names, name)
		}
	}
	return names
}

// lostRevision names a revision that the set's status names and the caches do not
// show. Somebody may have deleted it; more often the set itself is gone and its
// revisions with it, and the cache of sets is behind: a reason to look.
func lostRevision(s *plan.Snapshot) string {
	if names := unknownRevisions(s.Set, s.Revisions); len(names) > 0 {
		return names[0]
	}
	return ""
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
	return asMade && !m.uncertain && m.conflicts == 0 && newer(s.Set.ResourceVersion, r.tookOver), nil
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

// stillAsked returns an error unless the set's specification is still the one that
// was planned for, and has the set wait for the newer one. The order of revisions
// follows from the specification alone: two controllers, one of which is behind,
// would renumber them in turn for as long as both lead.
func (p *pass) stillAsked(ctx context.Context) error {
	fresh := &appsv1.StatefulSet{}
	if err := p.fresh.Get(ctx, client.ObjectKeyFromObject(p.set), fresh); err != nil {
		return err
	}
	if fresh.UID != p.set.UID || fresh.Generation != p.set.Generation {
		p.memory.expectations.wrote(kindSet, fresh.ResourceVersion)
		return stale(fresh, "its specification has changed")
	}
	return nil
}

// claimsUsable returns an error unless each claim of a pod to be created exists
// and is to stay: a pod bound to a claim in deletion would hold it back, and lose
// its data when the pod goes (kubernetes#74374). Those written just now, as they were
// seen, are left out.
func (p *pass) claimsUsable(ctx context.Context, pod *corev1.Pod, written []plan.Action) error {
	ordinal, err := strconv.Atoi(pod.Labels[appsv1.PodIndexLabel])
	if err != nil {
		return fmt.Errorf("the pod has no ordinal: %w", err)
	}
	for _, template := range identity.ClaimTemplates(p.set) {
		name := identity.ClaimName(template.Name, p.set.Name, ordinal)
		if slices.ContainsFunc(written, func(a plan.Action) bool { return a.Object.GetName() == name }) {
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
