package controller

import (
	"context"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// A view is where snapshots are taken from: the caches, or the API server.
// What it returns must not be modified. A missing object is a NotFound error.
type view interface {
	set(ctx context.Context, key types.NamespacedName) (*appsv1.StatefulSet, error)
	// pods are those whose name or owner is that of a member of the set.
	pods(ctx context.Context, set types.NamespacedName) ([]*corev1.Pod, error)
	// revisions are those whose owner has the set's name, and those without one.
	revisions(ctx context.Context, set types.NamespacedName) ([]*appsv1.ControllerRevision, error)
	// claims are those of the given names that exist.
	claims(ctx context.Context, namespace string, names []string) (map[string]*corev1.PersistentVolumeClaim, error)
	service(ctx context.Context, key types.NamespacedName) (*corev1.Service, error)
}

// Load takes a snapshot of one set straight from the API server, for showing its
// plan. A set that does not exist is a NotFound error.
func Load(ctx context.Context, reader client.Reader, namespace, name string, now time.Time) (plan.Snapshot, error) {
	return load(ctx, liveView{reader}, types.NamespacedName{Namespace: namespace, Name: name}, now)
}

func load(ctx context.Context, v view, key types.NamespacedName, now time.Time) (plan.Snapshot, error) {
	none := plan.Snapshot{}
	set, err := v.set(ctx, key)
	if err != nil {
		return none, err
	}
	s := plan.Snapshot{Now: now, Set: set}
	if s.Pods, err = v.pods(ctx, key); err != nil {
		return none, err
	}
	revisions, err := v.revisions(ctx, key)
	if err != nil {
		return none, err
	}
	s.Revisions = ownRevisions(set, revisions)
	if s.Claims, err = v.claims(ctx, key.Namespace, claimNames(set, s.Pods)); err != nil {
		return none, err
	}
	if set.Spec.ServiceName != "" {
		s.Service, err = v.service(ctx, types.NamespacedName{Namespace: key.Namespace, Name: set.Spec.ServiceName})
		if client.IgnoreNotFound(err) != nil {
			return none, err
		}
		if apierrors.IsNotFound(err) {
			s.Service = nil
		}
	}
	return s, nil
}

// ownRevisions keeps the set's revisions, whatever their labels say now, and those that it
// may adopt.
func ownRevisions(set *appsv1.StatefulSet, all []*appsv1.ControllerRevision) []*appsv1.ControllerRevision {
	selector, err := identity.Selector(set)
	if err != nil {
		selector = labels.Nothing()
	}
	var own []*appsv1.ControllerRevision
	for _, r := range all {
		owner := metav1.GetControllerOfNoCopy(r)
		orphan := owner == nil && r.DeletionTimestamp == nil
		if owner != nil && owner.UID == set.UID || orphan && selector.Matches(labels.Set(r.Labels)) {
			own = append(own, r)
		}
	}
	return own
}

// claimNames lists the claims that a plan deals with.
func claimNames(set *appsv1.StatefulSet, pods []*corev1.Pod) []string {
	wanted, ordinals := identity.OrdinalsOf(set), plan.Ordinals(set, pods)
	for _, pod := range pods {
		if name, ordinal, ok := identity.Parse(pod.Name); ok && name == set.Name && !wanted.Contains(ordinal) {
			ordinals = append(ordinals, ordinal)
		}
	}
	var names []string
	for _, template := range identity.ClaimTemplates(set) {
		for _, ordinal := range ordinals {
			names = append(names, identity.ClaimName(template.Name, set.Name, ordinal))
		}
	}
	return names
}

// owningSet is the name of the StatefulSet that controls the object, if one does.
func owningSet(object metav1.Object) string {
	owner := metav1.GetControllerOfNoCopy(object)
	if owner == nil || owner.Kind != identity.SetKind.Kind || owner.APIVersion != appsv1.SchemeGroupVersion.String() {
		return ""
	}
	return owner.Name
}

// revisionSets lists the set that the revision concerns: its owner's. One without an owner
// may be any set's, which is the empty name; those of other kinds of owners are nobody's.
func revisionSets(revision metav1.Object) []string {
	if set := owningSet(revision); set != "" || metav1.GetControllerOfNoCopy(revision) == nil {
		return []string{set}
	}
	return nil
}

// podSets lists the sets that the pod concerns: its owner's, and its name's.
func podSets(pod metav1.Object) []string {
	var sets []string
	if set := owningSet(pod); set != "" {
		sets = append(sets, set)
	}
	if set, _, ok := identity.Parse(pod.GetName()); ok && (len(sets) == 0 || sets[0] != set) {
		sets = append(sets, set)
	}
	return sets
}
