package kinds

import (
	"errors"
	"fmt"
	"net/http"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
)

// Kind is one of the kinds the controller deals with, as its resource's name.
type Kind string

// The kinds that the controller watches.
const (
	Set      Kind = "statefulsets"
	Revision Kind = "controllerrevisions"
	Pod      Kind = "pods"
	Claim    Kind = "persistentvolumeclaims"
	Service  Kind = "services"
	Policy   Kind = v1alpha1.PolicyResource // which the API server may not have
)

// Watched is an example of each kind that the controller watches.
func Watched() []client.Object {
	return []client.Object{
		&appsv1.StatefulSet{}, &appsv1.ControllerRevision{},
		&corev1.Pod{}, &corev1.PersistentVolumeClaim{}, &corev1.Service{},
		&v1alpha1.StatefulSetPolicy{},
	}
}

// Of is the kind of an object. It panics if that is none of the above.
func Of(object runtime.Object) Kind {
	switch object.(type) {
	case *appsv1.StatefulSet:
		return Set
	case *appsv1.ControllerRevision:
		return Revision
	case *corev1.Pod:
		return Pod
	case *corev1.PersistentVolumeClaim:
		return Claim
	case *corev1.Service:
		return Service
	case *v1alpha1.StatefulSetPolicy:
		return Policy
	}
	panic(fmt.Sprintf("the controller does not deal with a %T", object))
}

// Resource is the kind's resource with its API group.
func (k Kind) Resource() schema.GroupResource {
	switch k {
	case Set, Revision:
		return appsv1.Resource(string(k))
	case Policy:
		return v1alpha1.GroupVersion.WithResource(string(k)).GroupResource()
	}
	return corev1.Resource(string(k))
}

// Scheme knows the Go types of the kinds.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	return scheme, errors.Join(appsv1.AddToScheme(scheme), corev1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme))
}

// Mapper maps the kinds, and what else is read or written, to their resources without
// asking the API server. It has the form of a manager's MapperProvider.
func Mapper(*rest.Config, *http.Client) (meta.RESTMapper, error) {
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{appsv1.SchemeGroupVersion, corev1.SchemeGroupVersion, v1alpha1.GroupVersion})
	mapper.AddSpecific(v1alpha1.GroupVersion.WithKind(v1alpha1.PolicyKind), v1alpha1.GroupVersion.WithResource(v1alpha1.PolicyResource),
		v1alpha1.GroupVersion.WithResource("statefulsetpolicy"), meta.RESTScopeNamespace)
	for _, kind := range []string{"StatefulSet", "ControllerRevision"} {
		mapper.Add(appsv1.SchemeGroupVersion.WithKind(kind), meta.RESTScopeNamespace)
	}
	for _, kind := range []string{"Pod", "PersistentVolumeClaim", "Service", "Event"} {
		mapper.Add(corev1.SchemeGroupVersion.WithKind(kind), meta.RESTScopeNamespace)
	}
	mapper.Add(corev1.SchemeGroupVersion.WithKind("ConfigMap"), meta.RESTScopeNamespace)
	for _, kind := range []string{"PersistentVolume", "Node", "Namespace"} {
		mapper.Add(corev1.SchemeGroupVersion.WithKind(kind), meta.RESTScopeRoot)
	}
	mapper.Add(authorizationv1.SchemeGroupVersion.WithKind("SelfSubjectAccessReview"), meta.RESTScopeRoot)
	return mapper, nil
}

// OwningSet is the name of the StatefulSet that controls the object, empty if none does.
func OwningSet(object metav1.Object) string {
	owner := metav1.GetControllerOfNoCopy(object)
	if owner == nil || owner.Kind != identity.SetKind.Kind || owner.APIVersion != appsv1.SchemeGroupVersion.String() {
		return ""
	}
	return owner.Name
}
