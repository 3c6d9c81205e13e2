package sim

import (
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

const (
	sets      = apiserver.Kind("statefulsets")
	revisions = apiserver.Kind("controllerrevisions")
	pods      = apiserver.Kind("pods")
	claims    = apiserver.Kind("persistentvolumeclaims")
	services  = apiserver.Kind("services")
	policies  = apiserver.Kind(v1alpha1.PolicyResource)

	added   = watch.Added
	deleted = watch.Deleted

	// ourManager is the field manager of the controller, and somebody that of all who
	// have no other name.
	ourManager = "ordinal-controller"
	somebody   = "kubectl-edit"
)

func keyOf(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: name}
}

func ownedBy(object metav1.Object, set *appsv1.StatefulSet) bool {
	return metav1.IsControlledBy(object, set)
}

func imageOf(spec *corev1.PodSpec) string { return spec.Containers[0].Image }

func deleteOptions() *client.DeleteOptions { return &client.DeleteOptions{} }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// must ends the history: the world itself is broken.
func (w *World) must(err error) {
	if err != nil {
		panic(fmt.Sprintf("seed %d: the world is broken: %v", w.script.Seed, err))
	}
}

// try is for what the API server may refuse a user.
func (w *World) try(err error) {
	if err != nil {
		w.tell("is told: %v", err)
	}
}
