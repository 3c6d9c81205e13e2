package snapshot

import (
	"context"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
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
	// Governed are the sets whose governing Service is the named one.
	Governed(ctx context.Context, service types.NamespacedName) ([]*appsv1.StatefulSet, error)
	// Policies are those whose target is the set, none where the API server has no such kind.
	Policies(ctx context.Context, set types.NamespacedName) ([]*v1alpha1.StatefulSetPolicy, error)
	// Neighbours are all pods of a namespace.
	Neighbours(ctx context.Context, namespace string) ([]*corev1.Pod, error)
}

// MostLooks is how often a plan may ask for objects, and then for others.
const MostLooks = 3

// Load takes a snapshot of one set straight from the API server, for showing its
// plan. A set that does not exist is a NotFound error.
func Load(ctx context.Context, reader client.Reader, namespace, name string, now time.Time) (plan.Snapshot, error) {
	s, err := Take(ctx, FromAPI(reader), types.NamespacedName{Namespace: namespace, Name: name}, now)
	if err != nil {
		return s, err
	}
	s.Closely = map[types.UID]*corev1.Pod{} // they are whole
	for _, pod := range s.Pods {
		s.Closely[pod.UID] = pod
	}
	s.ClaimsClosely = map[types.UID]*corev1.PersistentVolumeClaim{}
	for _, claim := range s.Claims {
		s.ClaimsClosely[claim.UID] = claim
	}
	for range MostLooks { // claims that do not exist, and volumes
		p := plan.Make(s)
		looked, err := Look(ctx, reader, &s, &p)
		if err != nil {
			return s, err
		}
		if !looked {
			break
		}
	}
	if asks := plan.Make(s).Asks; len(asks) > 0 {
		// Who may not read events is shown the same plan in fewer words.
		s.Reported, _ = Reports(reader)(ctx, namespace, asks)
	}
	return s, nil
}

// Take takes a snapshot of one set. A set that does not exist is a NotFound error.
func Take(ctx context.Context, v View, key types.NamespacedName, now time.Time) (plan.Snapshot, error) {
	set, err := v.Set(ctx, key)
	if err != nil {
		return plan.Snapshot{}, err
	}
	return Of(ctx, v, set, now)
}

// Of takes a snapshot of a set as it is given, which may be gone.
func Of(ctx context.Context, v View, set *appsv1.StatefulSet, now time.Time) (plan.Snapshot, error) {
	key, none := client.ObjectKeyFromObject(set), plan.Snapshot{}
	s, err := plan.Snapshot{Now: now, Set: set}, error(nil)
	if s.Pods, err = v.Pods(ctx, key); err != nil {
		return none, err
	}
	revisions, err := v.Revisions(ctx, key)
	if err != nil {
		return none, err
	}
	s.Revisions = OwnRevisions(set, revisions)
	if s.Policies, err = v.Policies(ctx, key); err != nil {
		return none, err
	}
	if s.Claims, err = v.Claims(ctx, key.Namespace, claimNames(plan.ClaimsOf(set, s.Policies), &s)); err != nil {
		return none, err
	}
	if set.Spec.ServiceName != "" {
		if err := addService(ctx, v, &s); err != nil {
			return none, err
		}
	}
	return s, nil
}

// addService adds the governing Service, and what its selection depends on.
func addService(ctx context.Context, v View, s *plan.Snapshot) error {
	key := types.NamespacedName{Namespace: s.Set.Namespace, Name: s.Set.Spec.ServiceName}
	service, err := v.Service(ctx, key)
	switch {
	case err == nil:
		s.Service = service
	case !apierrors.IsNotFound(err):
		return err
	}
	sets, err := v.Governed(ctx, key)
	if err != nil {
		return err
	}
	for _, set := range sets {
		if set.Name == s.Set.Name {
			continue
		}
		revisions, err := v.Revisions(ctx, client.ObjectKeyFromObject(set))
		if err != nil {
			return err
		}
		s.Sharing = append(s.Sharing, plan.Sharer{Set: set, Revisions: OwnRevisions(set, revisions)})
	}
	if !plan.NeedsNeighbours(s.Set, s.Sharing, s.Service) {
		return nil
	}
	pods, err := v.Neighbours(ctx, key.Namespace)
	for _, pod := range pods {
		if !slices.Contains(podSets(pod), s.Set.Name) {
			s.Neighbours = append(s.Neighbours, pod)
		}
	}
	return err
}

// claimNames lists the claims that a plan deals with.
func claimNames(set *appsv1.StatefulSet, s *plan.Snapshot) []string {
	wanted := plan.Wanted(set, s.Policies)
	ordinals := slices.Concat(plan.Ordinals(set, s.Policies, s.Pods), plan.SurgeOrdinals(set, s.Policies), plan.DepartingOrdinals(set, s.Revisions))
	for _, pod := range s.Pods {
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
