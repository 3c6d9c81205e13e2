package apiserver

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Resizing is what a server makes of requests to resize pods.
type Resizing string

// What it may make of them.
const (
	Resizes        Resizing = ""
	ForbidsResizes Resizing = "forbidden" // by some admission policy
	KnowsNoResizes Resizing = "unknown"   // as a server of before 1.33
)

// Resize is a strategic merge patch of a pod's resize subresource: of all that it says the
// resources of containers count, and the UID.
func (s *Server) Resize(pod client.Object, data []byte) error {
	switch s.Resizing {
	case ForbidsResizes:
		return apierrors.NewForbidden(pods.resource(), pod.GetName(), fmt.Errorf("pods are not resized here"))
	case KnowsNoResizes:
		return apierrors.NewNotFound(pods.resource(), "")
	}
	return s.patch(pod, types.StrategicMergePatchType, data, s.storeResized)
}

func (s *Server) storeResized(k Kind, old, updated client.Object) error {
	resized, asked := old.(*corev1.Pod).DeepCopy(), &updated.(*corev1.Pod).Spec
	resized.UID = updated.GetUID()
	for i := range resized.Spec.Containers {
		resized.Spec.Containers[i].Resources = asked.Containers[i].Resources
	}
	prepareUpdate(old, resized)
	return s.storeWith(k, old, resized, resizedSpec)
}

// validateResize allows for other amounts of what containers have, as KEP-1287 does.
func validateResize(old, updated *corev1.PodSpec) (errs field.ErrorList) {
	for i := range old.Containers {
		was, is := old.Containers[i].Resources.Requests, updated.Containers[i].Resources.Requests
		for name := range was {
			if _, has := is[name]; !has {
				errs = append(errs, field.Forbidden(inSpec.Child("containers").Index(i).Child("resources"), "resource requests cannot be removed"))
			}
		}
		if len(was) == 0 && len(is) > 0 {
			errs = append(errs, field.Invalid(inSpec, is, "Pod QOS Class may not change as a result of resizing"))
		}
		if !equality.Semantic.DeepEqual(old.Containers[i].Resources.Limits, updated.Containers[i].Resources.Limits) {
			errs = append(errs, field.Forbidden(inSpec.Child("containers").Index(i).Child("resources"), "limits are not served"))
		}
	}
	return errs
}
