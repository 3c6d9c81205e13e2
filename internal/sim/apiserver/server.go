package apiserver

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
)

// Kind is the name of a resource: "pods".
type Kind string

const (
	sets      Kind = "statefulsets"
	revisions Kind = "controllerrevisions"
	pods      Kind = "pods"
	claims    Kind = "persistentvolumeclaims"
	services  Kind = "services"
	policies  Kind = v1alpha1.PolicyResource
)

// kinds are all there are, in the order in which the garbage collector looks.
var kinds = []Kind{sets, pods, claims, revisions, services, policies}

// KindOf is the kind of an object; it panics for one that is not served.
func KindOf(o client.Object) Kind {
	switch o.(type) {
	case *appsv1.StatefulSet:
		return sets
	case *appsv1.ControllerRevision:
		return revisions
	case *corev1.Pod:
		return pods
	case *corev1.PersistentVolumeClaim:
		return claims
	case *corev1.Service:
		return services
	case *v1alpha1.StatefulSetPolicy:
		return policies
	}
	panic(fmt.Sprintf("a %T is not served", o))
}

func (k Kind) resource() schema.GroupResource {
	switch k {
	case sets, revisions:
		return appsv1.Resource(string(k))
	case policies:
		return v1alpha1.GroupVersion.WithResource(string(k)).GroupResource()
	}
	return corev1.Resource(string(k))
}

// Event is one change, as watches deliver it.
type Event struct {
	Version int64 // its resourceVersion: 1, 2, 3 … over all kinds
	Time    time.Time
	Type    watch.EventType // Added, Modified or Deleted
	Kind    Kind
	Object  client.Object // of a deletion, the last state, with the deletion's resourceVersion
	Old     client.Object // before the change; nil for Added
}

// Server is the API server. Its methods return apierrors as the real one answers.
type Server struct {
	// Quota is the most pods that a namespace may have, where there is a limit.
	Quota map[string]int
	// Budgets are the PodDisruptionBudgets.
	Budgets map[types.NamespacedName]Budget
	// Resizing is what becomes of requests to resize pods; the zero value serves them.
	Resizing Resizing
	// Expanding has the StorageClass of claims allow for their growth.
	Expanding bool
	// Classes are the priority classes that there are.
	Classes map[string]bool
	// Terminating are the namespaces in which nothing is created any more.
	Terminating map[string]bool
	// Manager is the field manager of those who write now.
	Manager string

	now     func() time.Time
	version int64
	made    int // objects so far, for their UIDs
	objects map[Kind]map[types.NamespacedName]client.Object
	log     []Event
	// asMade are claims that nobody has written since they were made. The real
	// server stores them without the phase that it shows, so that even a write
	// that says nothing new changes them.
	asMade map[types.UID]bool
	// applying are the fields of the server-side apply that is being made, if one is.
	applying fieldSet
}

// first is the version of a server without objects: 0 has a meaning of its own.
const first = 1

// New makes a server without objects.
func New(now func() time.Time) *Server {
	s := &Server{now: now, version: first, Quota: map[string]int{}, Budgets: map[types.NamespacedName]Budget{}, Terminating: map[string]bool{}, Classes: map[string]bool{}, asMade: map[types.UID]bool{}, objects: map[Kind]map[types.NamespacedName]client.Object{}}
	for _, k := range kinds {
		s.objects[k] = map[types.NamespacedName]client.Object{}
	}
	return s
}

// Log is all that has changed so far, in order. Entries never change.
func (s *Server) Log() []Event { return s.log }

// Version is the resourceVersion of the last change.
func (s *Server) Version() int64 { return s.version }

// Get returns the object itself, which must not be modified.
func (s *Server) Get(k Kind, key types.NamespacedName) (client.Object, error) {
	if o, ok := s.objects[k][key]; ok {
		return o, nil
	}
	return nil, apierrors.NewNotFound(k.resource(), key.Name)
}

// List returns the objects of a namespace, or of all if it is empty, by name. They
// must not be modified.
func (s *Server) List(k Kind, namespace string) []client.Object {
	list := make([]client.Object, 0, len(s.objects[k]))
	for key, o := range s.objects[k] {
		if namespace == "" || key.Namespace == namespace {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(a, b client.Object) int {
		if c := strings.Compare(a.GetNamespace(), b.GetNamespace()); c != 0 {
			return c
		}
		return strings.Compare(a.GetName(), b.GetName())
	})
	return list
}

// put makes a new state of an object known, and gives it its version.
func (s *Server) put(kind watch.EventType, k Kind, o, old client.Object) {
	s.version++
	o.SetResourceVersion(strconv.FormatInt(s.version, 10))
	if key := client.ObjectKeyFromObject(o); kind == watch.Deleted {
		delete(s.objects[k], key)
	} else {
		s.objects[k][key] = o
	}
	delete(s.asMade, o.GetUID())
	s.log = append(s.log, Event{Version: s.version, Time: s.now(), Type: kind, Kind: k, Object: o, Old: old})
}

func (s *Server) seconds() metav1.Time { return metav1.NewTime(s.now().Truncate(time.Second)) }
