package sim

import (
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/revision"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// markAnnotation is on the governing Services that the controller made and that are
// still its own.
const markAnnotation = "ordinal.dev/governing-service"

// isOurs reports whether a Service is the controller's own: marked, and no user has
// taken it over.
func isOurs(service *corev1.Service) bool {
	return service.Annotations[markAnnotation] != "" && !isUsers(service)
}

// isUsers reports whether a user has taken a Service over: by kubectl apply, or by
// writing to its spec or its labels.
func isUsers(service *corev1.Service) bool {
	if _, applied := service.Annotations[corev1.LastAppliedConfigAnnotation]; applied {
		return true
	}
	return slices.ContainsFunc(service.ManagedFields, func(e metav1.ManagedFieldsEntry) bool {
		return e.Manager != ourManager && e.Subresource == "" && (apiserver.Owns(e, "f:spec") || apiserver.Owns(e, "f:metadata", "f:labels"))
	})
}

// governed is what has to do with one governing Service, as somebody sees it.
type governed struct {
	name    string
	service *corev1.Service       // nil if there is none
	sets    []*appsv1.StatefulSet // that are there, and not being orphaned
	gone    []*appsv1.StatefulSet // that have been deleted, and have pods left
	members []*corev1.Pod         // of all of these
	others  []*corev1.Pod         // of the namespace
	// orphaning says that there is a set whose pods are being made nobody's: until all
	// are, it may keep the Service.
	orphaning bool
	history   []*corev1.PodTemplateSpec // of revisions that pods may be made from
	there     map[string]bool           // the revisions that are there, by name
}

// seen is what somebody sees of the world: by kind, and by name.
type seen func(apiserver.Kind) map[string]client.Object

// governedBy sorts what is seen by governing Services. Sets that are gone are looked up
// by UID.
func governedBy(see seen, gone map[types.UID]*appsv1.StatefulSet) []*governed {
	byName, byUID := map[string]*governed{}, map[types.UID]*governed{}
	enter := func(set *appsv1.StatefulSet) *governed {
		name := set.Spec.ServiceName
		if byName[name] == nil {
			byName[name] = &governed{name: name, there: map[string]bool{}}
		}
		byUID[set.UID] = byName[name]
		return byName[name]
	}
	owners := map[types.UID]*appsv1.StatefulSet{}
	for _, object := range see(sets) {
		set := object.(*appsv1.StatefulSet)
		if set.Spec.ServiceName == "" {
			continue
		}
		g := enter(set)
		owners[set.UID] = set
		if slices.Contains(set.Finalizers, metav1.FinalizerOrphanDependents) {
			g.orphaning = true
			continue
		}
		g.sets = append(g.sets, set)
	}
	for _, object := range see(pods) {
		owner := metav1.GetControllerOfNoCopy(object)
		if owner == nil || owners[owner.UID] != nil || gone[owner.UID] == nil {
			continue
		}
		set := gone[owner.UID]
		g := enter(set)
		g.gone = append(g.gone, set)
		owners[set.UID] = set
	}
	var all []*governed
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		g := byName[name]
		g.service, _ = see(services)[name].(*corev1.Service)
		for _, object := range see(pods) {
			g.place(object.(*corev1.Pod), owners, byUID)
		}
		for _, object := range see(revisions) {
			g.remember(object.(*appsv1.ControllerRevision), owners, byUID)
		}
		all = append(all, g)
	}
	return all
}

func (g *governed) place(pod *corev1.Pod, owners map[types.UID]*appsv1.StatefulSet, byUID map[types.UID]*governed) {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner != nil && byUID[owner.UID] == g && selects(owners[owner.UID], pod.Labels) {
		g.members = append(g.members, pod)
	} else if !finished(pod) {
		g.others = append(g.others, pod)
	}
}

func (g *governed) remember(r *appsv1.ControllerRevision, owners map[types.UID]*appsv1.StatefulSet, byUID map[types.UID]*governed) {
	g.there[r.Name] = true
	owner := metav1.GetControllerOfNoCopy(r)
	if owner == nil || byUID[owner.UID] != g || owners[owner.UID].Status.CurrentRevision != r.Name {
		return
	}
	if template, err := revision.Template(r); err == nil {
		g.history = append(g.history, template)
	}
}

// isPlain reports whether the Service can have the selector of its sets, which is one,
// without expressions. One in deletion whose last pod has ended counts no more.
func (g *governed) isPlain() bool {
	all := slices.DeleteFunc(slices.Concat(g.sets, g.gone), func(set *appsv1.StatefulSet) bool {
		return set.DeletionTimestamp != nil && !slices.ContainsFunc(g.members, func(pod *corev1.Pod) bool { return ownedBy(pod, set) })
	})
	return !slices.ContainsFunc(all, func(set *appsv1.StatefulSet) bool {
		return len(set.Spec.Selector.MatchExpressions) > 0 || !maps.Equal(set.Spec.Selector.MatchLabels, all[0].Spec.Selector.MatchLabels)
	})
}

// shared are the labels that every member has, and will have. By one that changes with each
// image nothing is selected, though all may have it for a while.
func (g *governed) shared() map[string]string {
	var all []map[string]string
	for _, set := range slices.Concat(g.sets, g.gone) {
		all = append(all, set.Spec.Template.Labels)
	}
	for _, template := range g.history {
		all = append(all, template.Labels)
	}
	for _, pod := range g.members {
		all = append(all, pod.Labels)
	}
	shared := maps.Clone(all[0])
	delete(shared, releaseLabel)
	for key := range identity.Labels("", 0) {
		delete(shared, key)
	}
	for _, labels := range all {
		maps.DeleteFunc(shared, func(key, value string) bool { return labels[key] != value })
	}
	return shared
}

// canBeTold reports whether there are labels by which the members can be told from all
// others.
func (g *governed) canBeTold() bool {
	if g.isPlain() {
		return true
	}
	shared := g.shared()
	return len(shared) > 0 && !slices.ContainsFunc(g.others, func(pod *corev1.Pod) bool { return matches(shared, pod.Labels) })
}

// matches reports whether the labels have all of the selector's, which is not empty.
func matches(selector, labels map[string]string) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return len(selector) > 0
}
