package snapshot

import (
	"context"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// A View is where snapshots are taken from: the caches, or the API server.
// What it returns must not be modified. A missing object is a NotFound error.
type View interface {
	Set(ctx context.Context, key types.NamespacedName) (*appsv1.StatefulSet, error)
	// Pods are those whose name or owner is that of a member of the set.
	Pods(ctx context.Context, set types.NamespacedName) ([]*corev1.Pod, error)
	// Revisions are those whose owner has the set's name, and those without one.
	Revisions(ctx context.Context, set types.NamespacedName) ([]*appsv1.ControllerRevision, error)
	// Claims are those of the given names that exist.
	Claims(ctx context.Context, namespace string, names []string) (map[string]*corev1.PersistentVolumeClaim, error)
	Service(ctx context.Context, key types.NamespacedName) (*corev1.Service, error)
}

// Load takes a snapshot of one set straight from the API server, for showing its
// plan. A set that does not exist is a NotFound error.
func Load(ctx context.Context, reader client.Reader, namespace, name string, now time.Time) (plan.Snapshot, error) {
	return Take(ctx, FromAPI(reader), types.NamespacedName{Namespace: namespace, Name: name}, now)
}

// Take takes a snapshot of one set. A set that does not exist is a NotFound error.
func Take(ctx context.Context, v View, key types.NamespacedName, now time.Time) (plan.Snapshot, error) {
	none := plan.Snapshot{}
	set, err := v.Set(ctx, key)
	if err != nil {
		return none, err
	}
	s := plan.Snapshot{Now: now, Set: set}
	if s.Pods, err = v.Pods(ctx, key); err != nil {
		return none, err
	}
	revisions, err := v.Revisions(ctx, key)
	if err != nil {
		return none, err
	}
	s.Revisions = OwnRevisions(set, revisions)
	if s.Claims, err = v.Claims(ctx, key.Namespace, claimNames(set, s.Pods)); err != nil {
		return none, err
	}
	if set.Spec.ServiceName != "" {
		s.Service, err = v.Service(ctx, types.NamespacedName{Namespace: key.Namespace, Name: set.Spec.ServiceName})
		if client.IgnoreNotFound(err) != nil {
			return none, err
		}
		if apierrors.IsNotFound(err) {
			s.Service = nil
		}
	}
	return s, nil
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
