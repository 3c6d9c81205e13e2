package controller

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// kind is one of the kinds the controller deals with, as its resource's name.
type kind string

const (
	kindSet      kind = "statefulsets"
	kindRevision kind = "controllerrevisions"
	kindPod      kind = "pods"
	kindClaim    kind = "persistentvolumeclaims"
	kindService  kind = "services"
)

func kindOf(object runtime.Object) kind {
	switch object.(type) {
	case *appsv1.StatefulSet:
		return kindSet
	case *appsv1.ControllerRevision:
		return kindRevision
	case *corev1.Pod:
		return kindPod
	case *corev1.PersistentVolumeClaim:
		return kindClaim
	case *corev1.Service:
		return kindService
	}
	panic(fmt.Sprintf("the controller does not deal with a %T", object))
}

func (k kind) resource() schema.GroupResource {
	if k == kindSet || k == kindRevision {
		return appsv1.Resource(string(k))
	}
	return corev1.Resource(string(k))
}
