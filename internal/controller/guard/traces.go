package guard

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/plan"
)

// statusSubresource is what managed fields call a write to an object's status.
const statusSubresource = "status"

// Traces are what another controller has left in an object's managed fields. The caches
// keep them in place of all others:
//   - of a set who else has written its status, and when last;
//   - of a set's pod or revision who has created it.
//
// Of all other objects, and where this controller is alone, they are nil.
func Traces(object client.Object) []metav1.ManagedFieldsEntry {
	managed := object.GetManagedFields()
	switch object.(type) {
	case *appsv1.StatefulSet:
		return statusWriters(managed)
	case *corev1.Pod, *appsv1.ControllerRevision:
		if kinds.OwningSet(object) != "" {
			return creator(managed)
		}
	}
	return nil
}

func statusWriters(managed []metav1.ManagedFieldsEntry) (others []metav1.ManagedFieldsEntry) {
	for _, m := range managed {
		if m.Subresource == statusSubresource && isOtherController(m.Manager) {
			others = append(others, metav1.ManagedFieldsEntry{Manager: m.Manager, Subresource: statusSubresource, Time: m.Time})
		}
	}
	return others
}

// creator is the first entry that is of no subresource: the API server sorts them by
// time. An object that this controller has written as well is not told to be another's:
// it may have been adopted, and then the owner reference is ours.
func creator(managed []metav1.ManagedFieldsEntry) (first []metav1.ManagedFieldsEntry) {
	for _, m := range managed {
		switch {
		case m.Subresource != "":
		case m.Manager == plan.FieldManager:
			return nil
		case first == nil:
			first = []metav1.ManagedFieldsEntry{{Manager: m.Manager}}
		}
	}
	if first == nil || !isOtherController(first[0].Manager) {
		return nil
	}
	return first
}

// isOtherController reports whether a field manager may be a controller, and is not this
// one. People are none: `kubectl edit --subresource=status` mends a status, and `kubectl
// replace --force` creates a pod as it was, its owner reference included. Tools that
// restore backups need no exception: what they create has owner references to sets that
// are gone, or none.
func isOtherController(manager string) bool {
	return manager != plan.FieldManager && !strings.HasPrefix(manager, "kubectl")
}
