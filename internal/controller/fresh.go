package controller

import (
	"context"
	"errors"
	"maps"
	"slices"

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

// A look is what the API server showed of a set's pods when it was asked.
type look struct {
	version string               // of the list
	pods    map[types.UID]string // their resourceVersions
}

// catchUp reports whether the snapshot is at least as new as a look at the API server,
// and otherwise has the set wait until the caches show what was seen there. A controller
// that has just taken over needs that: its caches may be older than its predecessor's
// last write, and it would take down a second pod of an update whose first one is down
// already. So does one that does not know whether its last write was made. One look is
// enough, however fast the pods change meanwhile: nobody else acts on the set.
func (r *reconciler) catchUp(ctx context.Context, s plan.Snapshot, m *memory) (bool, error) {
	if untouched, err := r.untouched(ctx, s, m); untouched || err != nil {
		m.caughtUp = untouched
		return untouched, err
	}
	if m.looked == nil {
		if shown, err := r.look(ctx, s, m); !shown || err != nil {
			return false, err
		}
	}
	if current, err := r.allThere(ctx, s.Pods, m); !current || err != nil {
		return false, err
	}
	// Until the cache is as new as the list, it may still get to see pods that have come
	// and gone.
	if !newer(m.looked.version, r.view.version(kindPod)) {
		m.caughtUp, m.looked = true, nil
	}
	return true, nil
}

// look asks the API server what is so, has the set wait until the caches show it, and
// reports whether the snapshot does already.
func (r *reconciler) look(ctx context.Context, s plan.Snapshot, m *memory) (shown bool, err error) {
	set := &appsv1.StatefulSet{}
	switch err := r.executor.fresh.Get(ctx, client.ObjectKeyFromObject(s.Set), set); {
	case apierrors.IsNotFound(err):
		m.expectations.gone(kindSet, s.Set)
		return false, nil
	case err != nil:
		return false, err
	}
	m.expectations.wrote(kindSet, set.ResourceVersion)
	looked, err := r.lookAtPods(ctx, s, m)
	if err != nil {
		return false, err
	}
	revisionsShown, err := r.lookForRevisions(ctx, s, set, m)
	if err != nil {
		return false, err
	}
	m.looked = looked
	return looked.shownBy(s.Pods) && revisionsShown && set.ResourceVersion == s.Set.ResourceVersion, nil
}

func (r *reconciler) lookAtPods(ctx context.Context, s plan.Snapshot, m *memory) (*look, error) {
	looked := &look{pods: map[types.UID]string{}}
	selector, err := identity.Selector(s.Set)
	if err != nil {
		return looked, nil // nothing is done about such a set
	}
	var list corev1.PodList
	if err := r.executor.fresh.List(ctx, &list, client.InNamespace(s.Set.Namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return nil, err
	}
	looked.version = list.ResourceVersion
	for i := range list.Items {
		if pod := &list.Items[i]; slices.Contains(podSets(pod), s.Set.Name) {
			looked.pods[pod.UID] = pod.ResourceVersion
			m.expectations.wrote(kindPod, pod.ResourceVersion)
		}
	}
	return looked, nil
}

// shownBy reports whether each pod of the look is among the given ones, and as new.
func (l *look) shownBy(pods []*corev1.Pod) bool {
	unseen := maps.Clone(l.pods)
	for _, pod := range pods {
		if !newer(unseen[pod.UID], pod.ResourceVersion) {
			delete(unseen, pod.UID)
		}
	}
	return len(unseen) == 0
}

// allThere reports whether the API server has, or had since, all of the pods that the
// caches show, and otherwise has the set wait for those to be gone that are. The pods
// that the set's selector does not find are looked at one by one.
func (r *reconciler) allThere(ctx context.Context, pods []*corev1.Pod, m *memory) (bool, error) {
	current := true
	for _, pod := range pods {
		if _, seen := m.looked.pods[pod.UID]; seen || newer(pod.ResourceVersion, m.looked.version) {
			continue
		}
		now, err := r.versionNow(ctx, pod, m)
		if err != nil {
			return false, err
		}
		if now != "" {
			m.looked.pods[pod.UID] = now
		}
		current = current && now == pod.ResourceVersion
	}
	return current, nil
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

// lookForRevisions has the set wait for those of its revisions that its status names.
// One that an earlier set of its name left is not waited for.
func (r *reconciler) lookForRevisions(ctx context.Context, s plan.Snapshot, set *appsv1.StatefulSet, m *memory) (shown bool, err error) {
	shown = true
	for _, name := range unknownRevisions(set, s.Revisions) {
		revision := &appsv1.ControllerRevision{}
		err := r.executor.fresh.Get(ctx, types.NamespacedName{Namespace: set.Namespace, Name: name}, revision)
		if client.IgnoreNotFound(err) != nil {
			return false, err
		}
		if err == nil && len(ownRevisions(set, []*appsv1.ControllerRevision{revision})) > 0 {
			m.expectations.wrote(kindRevision, revision.ResourceVersion)
			shown = false
		}
	}
	return shown, nil
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
	tookOver := r.tookOver.Load()
	if tookOver == nil {
		var sets appsv1.StatefulSetList
		if err := r.executor.fresh.List(ctx, &sets, client.Limit(1)); err != nil {
			return false, err
		}
		tookOver = &sets.ResourceVersion // those of several workers all do
		r.tookOver.Store(tookOver)
	}
	asMade := s.Set.Generation == 1 && s.Set.Status.ObservedGeneration == 0 && len(s.Pods) == 0
	return asMade && !m.uncertain && m.conflicts == 0 && newer(s.Set.ResourceVersion, *tookOver), nil
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
	_, ordinal, _ := identity.Parse(pod.Name) // plans create members only
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
