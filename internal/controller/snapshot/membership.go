package snapshot

import (
	"context"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/identity"
)

// SetsOf names the sets that a change of the object may concern: of a claim
// those whose it may be by its name, of a revision without an owner every set of
// the namespace, since its selector may match.
func (c *Cache) SetsOf(_ context.Context, object client.Object) []reconcile.Request {
	switch object.(type) {
	case *corev1.Pod:
		return requests(object.GetNamespace(), podSets(object))
	case *corev1.PersistentVolumeClaim:
		return requests(object.GetNamespace(), identity.ClaimSets(object.GetName()))
	case *corev1.Service:
		return c.sets(byGoverning, client.ObjectKeyFromObject(object).String())
	case *appsv1.ControllerRevision:
		sets := revisionSets(object)
		if slices.Contains(sets, "") {
			return c.sets(toolscache.NamespaceIndex, object.GetNamespace())
		}
		return requests(object.GetNamespace(), sets)
	}
	return requests(object.GetNamespace(), []string{object.GetName()})
}

func (c *Cache) sets(index, key string) []reconcile.Request {
	sets, err := list[*appsv1.StatefulSet](c.stores[kinds.Set], index, key)
	if err != nil {
		return nil // the index exists, so this cannot be
	}
	var all []reconcile.Request
	for _, set := range sets {
		all = append(all, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(set)})
	}
	return all
}

func requests(namespace string, sets []string) []reconcile.Request {
	all := make([]reconcile.Request, len(sets))
	for i, set := range sets {
		all[i].Namespace, all[i].Name = namespace, set
	}
	return all
}

// OwnRevisions keeps of these the set's revisions, whatever their labels say now, and those
// that it may adopt.
func OwnRevisions(set *appsv1.StatefulSet, all []*appsv1.ControllerRevision) []*appsv1.ControllerRevision {
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

// revisionSets lists the set that the revision concerns: its owner's. One without an owner
// may be any set's, which is the empty name; those of other kinds of owners are nobody's.
func revisionSets(revision metav1.Object) []string {
	if set := kinds.OwningSet(revision); set != "" || metav1.GetControllerOfNoCopy(revision) == nil {
		return []string{set}
	}
	return nil
}

// podSets lists the sets that the pod concerns: its owner's, and its name's.
func podSets(pod metav1.Object) []string {
	var sets []string
	if set := kinds.OwningSet(pod); set != "" {
		sets = append(sets, set)
	}
	if set, _, ok := identity.Parse(pod.GetName()); ok && (len(sets) == 0 || sets[0] != set) {
		sets = append(sets, set)
	}
	return sets
}
