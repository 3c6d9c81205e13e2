package snapshot

import (
	"context"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/identity"
)

// SetsOf names the sets that a change of the object may concern: of a claim
// those whose it may be by its name, of a revision without an owner every set of
// the namespace, since its selector may match; of a pod its set, and those whose governing
// Service selects by labels that it may have, too, or might; of a Service those that name
// it, and those that are gone while their pods own it; of a policy its target.
func (c *Cache) SetsOf(_ context.Context, object client.Object) []reconcile.Request {
	switch object := object.(type) {
	case *corev1.Pod:
		return c.setsOfPod(object)
	case *corev1.PersistentVolumeClaim:
		return requests(object.GetNamespace(), identity.ClaimSets(object.GetName()))
	case *corev1.Service:
		return append(c.sets(byGoverning, client.ObjectKeyFromObject(object).String()), requests(object.GetNamespace(), ownersOf(object))...)
	case *v1alpha1.StatefulSetPolicy:
		return requests(object.GetNamespace(), []string{object.Spec.TargetRef.Name})
	case *appsv1.ControllerRevision:
		sets := revisionSets(object)
		if slices.Contains(sets, "") {
			return c.sets(toolscache.NamespaceIndex, object.GetNamespace())
		}
		return requests(object.GetNamespace(), sets)
	}
	return requests(object.GetNamespace(), []string{object.GetName()})
}

// setsOfPod are the pod's own sets, those of its governing Service or of that of its sets,
// and those whose governing Service selects by labels that the pod has.
func (c *Cache) setsOfPod(pod *corev1.Pod) []reconcile.Request {
	all := requests(pod.Namespace, podSets(pod))
	services := []string{pod.Spec.Subdomain}
	for _, own := range all {
		if set, known := c.Object(kinds.Set, own.NamespacedName).(*appsv1.StatefulSet); known {
			services = append(services, set.Spec.ServiceName)
		}
	}
	for _, service := range slices.Compact(services) {
		if service == "" {
			continue
		}
		for _, sharer := range c.sets(byGoverning, pod.Namespace+"/"+service) {
			if !slices.Contains(all, sharer) {
				all = append(all, sharer)
			}
		}
	}
	return append(append(all, c.selecting(pod)...), c.considering(pod)...)
}

// Considers notes labels that a set's last plan has considered: a pod that has all of an
// entry's concerns the set from now on, whosever it is.
func (c *Cache) Considers(set types.NamespacedName, all []map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(all) == 0 { // nearly always
		delete(c.considered, set)
	} else {
		c.considered[set] = all
	}
}

// considering are the sets whose last plans have considered labels that a pod has.
func (c *Cache) considering(pod *corev1.Pod) (all []reconcile.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	has := func(entry map[string]string) bool {
		return labels.SelectorFromValidatedSet(entry).Matches(labels.Set(pod.Labels))
	}
	for set, entries := range c.considered {
		if set.Namespace == pod.Namespace && slices.ContainsFunc(entries, has) {
			all = append(all, reconcile.Request{NamespacedName: set})
		}
	}
	return all
}

// SharersOf names the other sets with the same governing Service.
func (c *Cache) SharersOf(set *appsv1.StatefulSet) []reconcile.Request {
	if set.Spec.ServiceName == "" {
		return nil
	}
	all := c.sets(byGoverning, set.Namespace+"/"+set.Spec.ServiceName)
	return slices.DeleteFunc(all, func(r reconcile.Request) bool { return r.Name == set.Name })
}

// selecting names the sets whose governing Service selects by common labels, and does or
// did select the pod: who is a member of what else matters to it.
func (c *Cache) selecting(pod client.Object) []reconcile.Request {
	services, err := list[*corev1.Service](c.stores[kinds.Service], byCommon, pod.GetNamespace()+"/")
	if err != nil {
		return nil // the index exists, so this cannot be
	}
	var all []reconcile.Request
	for _, service := range services {
		if labels.SelectorFromValidatedSet(service.Spec.Selector).Matches(labels.Set(pod.GetLabels())) {
			all = append(all, c.sets(byGoverning, client.ObjectKeyFromObject(service).String())...)
		}
	}
	return all
}

// ownersOf names the sets that own a Service, by themselves or by their pods.
func ownersOf(service metav1.Object) []string {
	var sets []string
	for _, ref := range service.GetOwnerReferences() {
		switch ref.Kind {
		case identity.SetKind.Kind:
			sets = append(sets, ref.Name)
		case identity.PodKind.Kind:
			if set, _, ok := identity.Parse(ref.Name); ok {
				sets = append(sets, set)
			}
		}
	}
	slices.Sort(sets)
	return slices.Compact(sets)
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
