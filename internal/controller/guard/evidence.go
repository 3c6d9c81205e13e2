package guard

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"ordinal.dev/ordinal/internal/controller/kinds"
)

// Sets are the sets that are known.
type Sets interface {
	// Object returns an object of a kind, nil if there is none.
	Object(kinds.Kind, types.NamespacedName) metav1.Object
	// Acted reports whether this controller acts on a set: only there another one matters.
	Acted(set types.NamespacedName) bool
}

// Events observes what a watch shows, but for what was there when it began. It lets every
// event through: as a predicate it comes before the handler, so that a set is not
// reconciled for what has not been observed.
func (g *Guard) Events() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool {
			if !e.IsInInitialList {
				g.Observe(nil, e.Object)
			}
			return true
		},
		UpdateFunc: func(e event.UpdateEvent) bool {
			g.Observe(e.ObjectOld, e.ObjectNew)
			return true
		},
	}
}

// Observe takes in that an object, of whose managed fields only the traces are left, was
// and is so; was is nil for one that has come since this controller began.
func (g *Guard) Observe(was, is client.Object) {
	traces := is.GetManagedFields()
	if len(traces) == 0 { // nearly always
		return
	}
	switch o := is.(type) {
	case *appsv1.StatefulSet:
		g.observeStatus(was, o, traces)
	case *corev1.Pod:
		g.observePart(was, o, "pod", traces[0].Manager)
	case *appsv1.ControllerRevision:
		g.observePart(was, o, "revision", traces[0].Manager)
	}
}

// observeStatus looks for who else has written a set's status since it was last seen:
// their entry is new, or has another time. A set of the same name that was seen before
// another one has come in its place, has no part in that one's status.
func (g *Guard) observeStatus(was client.Object, set *appsv1.StatefulSet, traces []metav1.ManagedFieldsEntry) {
	var before []metav1.ManagedFieldsEntry
	if was != nil && was.GetUID() == set.UID {
		before = was.GetManagedFields()
	}
	for _, trace := range traces {
		seen := func(m metav1.ManagedFieldsEntry) bool { return m.Manager == trace.Manager && m.Time.Equal(trace.Time) }
		if !slices.ContainsFunc(before, seen) {
			g.note(set, trace.Manager, "wrote the status of "+set.Name)
			return
		}
	}
}

// observePart looks for who else creates what a set controls. One that names a set which
// is not the very one that is known is not part of it.
func (g *Guard) observePart(was, part client.Object, what, creator string) {
	if was != nil {
		return
	}
	owner := metav1.GetControllerOfNoCopy(part)
	key := types.NamespacedName{Namespace: part.GetNamespace(), Name: owner.Name}
	if set, known := g.sets.Object(kinds.Set, key).(*appsv1.StatefulSet); known && set.UID == owner.UID {
		g.note(set, creator, "created "+what+" "+part.GetName()+" of "+set.Name)
	}
}
