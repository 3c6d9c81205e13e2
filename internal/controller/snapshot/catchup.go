package snapshot

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// A Checker asks the API server whether snapshots taken from the caches are new enough
// to act on.
type Checker struct {
	live client.Reader
	seen Seen

	tookOver atomic.Pointer[takeover]
}

// NewChecker makes a checker of what the caches have seen. Its reader reads from the API
// server and never from a cache.
func NewChecker(live client.Reader, seen Seen) *Checker { return &Checker{live: live, seen: seen} }

// Expectations take what the caches have to show before the set is planned again.
type Expectations interface {
	// Wrote expects a kind's cache to be at least at a resourceVersion.
	Wrote(k kinds.Kind, version string)
	// Gone expects an object not to be shown any more.
	Gone(k kinds.Kind, object metav1.Object)
}

// CaughtUp reports whether the snapshot is at least as new as a read from the API server,
// and otherwise has the set wait until the caches show what was read there. A controller
// that has just taken over needs that: its caches may be older than its predecessor's
// last write, and it would take down a second pod of an update whose first one is down
// already. So does one that does not know whether its last write was made. One read is
// enough, however fast the pods change meanwhile: nobody else acts on the set.
func (c *Checker) CaughtUp(ctx context.Context, s plan.Snapshot, f *Freshness, expected Expectations) (bool, error) {
	f.noteLost(&s)
	if f.caughtUp {
		return true, nil
	}
	if shown, err := c.policiesShown(ctx, s, expected); !shown || err != nil {
		return false, err
	}
	if untouched, err := c.untouched(ctx, s, f); untouched || err != nil {
		f.caughtUp = untouched
		return untouched, err
	}
	if f.read == nil {
		if shown, err := c.readSet(ctx, s, f, expected); !shown || err != nil {
			return false, err
		}
	}
	if current, err := c.allThere(ctx, s.Pods, f.read, expected); !current || err != nil {
		return false, err
	}
	// Until the cache is as new as the list, it may still get to see pods that have come
	// and gone.
	if !Newer(f.read.version, c.seen.Version(kinds.Pod)) {
		f.caughtUp, f.read = true, nil
	}
	return true, nil
}

// untouched reports whether no predecessor can have acted on the set in a way that
// matters: the caches show it as its user made it, at a time when this controller
// had taken over. It saves a read for every new set.
func (c *Checker) untouched(ctx context.Context, s plan.Snapshot, f *Freshness) (bool, error) {
	begun, err := c.begin(ctx)
	if err != nil {
		return false, err
	}
	asMade := s.Set.Generation == 1 && s.Set.Status.ObservedGeneration == 0 && len(s.Pods) == 0
	return asMade && !f.uncertain && f.conflicts == 0 && Newer(s.Set.ResourceVersion, begun.version), nil
}

// readSet reads the set, its pods and its revisions from the API server, has the set wait
// until the caches show them, and reports whether the snapshot does already.
func (c *Checker) readSet(ctx context.Context, s plan.Snapshot, f *Freshness, expected Expectations) (shown bool, err error) {
	set := &appsv1.StatefulSet{}
	switch err := c.live.Get(ctx, client.ObjectKeyFromObject(s.Set), set); {
	case apierrors.IsNotFound(err):
		expected.Gone(kinds.Set, s.Set)
		return false, nil
	case err != nil:
		return false, err
	}
	expected.Wrote(kinds.Set, set.ResourceVersion)
	pods, err := c.readPods(ctx, s, expected)
	if err != nil {
		return false, err
	}
	revisionsShown, err := c.readRevisions(ctx, s, set, expected)
	if err != nil {
		return false, err
	}
	f.read = pods
	return pods.shownBy(s.Pods) && revisionsShown && set.ResourceVersion == s.Set.ResourceVersion, nil
}

// livePods is what the API server showed of a set's pods when they were read.
type livePods struct {
	version string               // of the list
	pods    map[types.UID]string // their resourceVersions
}

func (c *Checker) readPods(ctx context.Context, s plan.Snapshot, expected Expectations) (*livePods, error) {
	read := &livePods{pods: map[types.UID]string{}}
	selector, err := identity.Selector(s.Set)
	if err != nil {
		return read, nil // nothing is done about such a set
	}
	var list corev1.PodList
	if err := c.live.List(ctx, &list, client.InNamespace(s.Set.Namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return nil, err
	}
	read.version = list.ResourceVersion
	for i := range list.Items {
		if pod := &list.Items[i]; slices.Contains(podSets(pod), s.Set.Name) {
			read.pods[pod.UID] = pod.ResourceVersion
			expected.Wrote(kinds.Pod, pod.ResourceVersion)
		}
	}
	return read, nil
}

// shownBy reports whether each pod that was read is among the given ones, and as new.
func (l *livePods) shownBy(pods []*corev1.Pod) bool {
	unseen := maps.Clone(l.pods)
	for _, pod := range pods {
		if !Newer(unseen[pod.UID], pod.ResourceVersion) {
			delete(unseen, pod.UID)
		}
	}
	return len(unseen) == 0
}

// allThere reports whether the API server has, or had since, all of the pods that the
// caches show, and otherwise has the set wait for those to be gone that are. The pods
// that the set's selector does not find are read one by one.
func (c *Checker) allThere(ctx context.Context, pods []*corev1.Pod, read *livePods, expected Expectations) (bool, error) {
	current := true
	for _, pod := range pods {
		if _, seen := read.pods[pod.UID]; seen || Newer(pod.ResourceVersion, read.version) {
			continue
		}
		now, err := c.versionNow(ctx, pod, expected)
		if err != nil {
			return false, err
		}
		if now != "" {
			read.pods[pod.UID] = now
		}
		current = current && now == pod.ResourceVersion
	}
	return current, nil
}

// versionNow is the resourceVersion of a pod that the set's selector does not
// find; empty if it is gone.
func (c *Checker) versionNow(ctx context.Context, pod *corev1.Pod, expected Expectations) (string, error) {
	now := &corev1.Pod{}
	err := c.live.Get(ctx, client.ObjectKeyFromObject(pod), now)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return "", err
	case err != nil || now.UID != pod.UID:
		expected.Gone(kinds.Pod, pod)
		return "", nil
	}
	expected.Wrote(kinds.Pod, now.ResourceVersion)
	return now.ResourceVersion, nil
}

// readRevisions has the set wait for those of its revisions that its status names. With a
// policy, what the update's annotations say counts, too. One that an earlier set of its name
// left is not waited for.
func (c *Checker) readRevisions(ctx context.Context, s plan.Snapshot, set *appsv1.StatefulSet, expected Expectations) (shown bool, err error) {
	shown = true
	names, known := unknownRevisions(set, s.Revisions), map[string]*appsv1.ControllerRevision{}
	for _, r := range s.Revisions {
		known[r.Name] = r
	}
	if update := set.Status.UpdateRevision; len(s.Policies) > 0 && known[update] != nil {
		names = append(names, update)
	}
	for _, name := range names {
		revision := &appsv1.ControllerRevision{}
		err := c.live.Get(ctx, types.NamespacedName{Namespace: set.Namespace, Name: name}, revision)
		if client.IgnoreNotFound(err) != nil {
			return false, err
		}
		isShown := known[name] != nil && !Newer(revision.ResourceVersion, known[name].ResourceVersion)
		if err == nil && !isShown && len(OwnRevisions(set, []*appsv1.ControllerRevision{revision})) > 0 {
			expected.Wrote(kinds.Revision, revision.ResourceVersion)
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
