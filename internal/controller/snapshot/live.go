package snapshot

import (
	"context"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
)

// live reads from the API server, one namespace at a time.
type live struct{ reader client.Reader }

// FromAPI is the view of the API server as it is now.
func FromAPI(reader client.Reader) View { return live{reader} }

func (l live) Set(ctx context.Context, key types.NamespacedName) (*appsv1.StatefulSet, error) {
	set := &appsv1.StatefulSet{}
	return set, l.reader.Get(ctx, key, set)
}

func (l live) Service(ctx context.Context, key types.NamespacedName) (*corev1.Service, error) {
	service := &corev1.Service{}
	return service, l.reader.Get(ctx, key, service)
}

func (l live) Pods(ctx context.Context, set types.NamespacedName) ([]*corev1.Pod, error) {
	pods, err := l.Neighbours(ctx, set.Namespace)
	return slices.DeleteFunc(pods, func(pod *corev1.Pod) bool { return !slices.Contains(podSets(pod), set.Name) }), err
}

func (l live) Neighbours(ctx context.Context, namespace string) ([]*corev1.Pod, error) {
	var list corev1.PodList
	if err := l.reader.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	pods := make([]*corev1.Pod, len(list.Items))
	for i := range list.Items {
		pods[i] = &list.Items[i]
	}
	return pods, nil
}

func (l live) Governed(ctx context.Context, service types.NamespacedName) ([]*appsv1.StatefulSet, error) {
	var list appsv1.StatefulSetList
	if err := l.reader.List(ctx, &list, client.InNamespace(service.Namespace)); err != nil {
		return nil, err
	}
	var sets []*appsv1.StatefulSet
	for i := range list.Items {
		if list.Items[i].Spec.ServiceName == service.Name {
			sets = append(sets, &list.Items[i])
		}
	}
	return sets, nil
}

// Policies are none, too, for who may not read them: that is so for most people where there is
// no such kind, and the API server does not say which it is.
func (l live) Policies(ctx context.Context, set types.NamespacedName) ([]*v1alpha1.StatefulSetPolicy, error) {
	var list v1alpha1.StatefulSetPolicyList
	if err := l.reader.List(ctx, &list, client.InNamespace(set.Namespace)); err != nil {
		if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) || meta.IsNoMatchError(err) {
			return nil, nil
		}
		return nil, err
	}
	var policies []*v1alpha1.StatefulSetPolicy
	for i := range list.Items {
		if list.Items[i].Spec.TargetRef.Name == set.Name {
			policies = append(policies, &list.Items[i])
		}
	}
	return policies, nil
}

func (l live) Revisions(ctx context.Context, set types.NamespacedName) ([]*appsv1.ControllerRevision, error) {
	var list appsv1.ControllerRevisionList
	if err := l.reader.List(ctx, &list, client.InNamespace(set.Namespace)); err != nil {
		return nil, err
	}
	var revisions []*appsv1.ControllerRevision
	for i := range list.Items {
		if sets := revisionSets(&list.Items[i]); slices.Contains(sets, "") || slices.Contains(sets, set.Name) {
			revisions = append(revisions, &list.Items[i])
		}
	}
	return revisions, nil
}

func (l live) Claims(ctx context.Context, namespace string, names []string) (map[string]*corev1.PersistentVolumeClaim, error) {
	claims := map[string]*corev1.PersistentVolumeClaim{}
	if len(names) == 0 {
		return claims, nil
	}
	var list corev1.PersistentVolumeClaimList
	if err := l.reader.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	for i := range list.Items {
		if slices.Contains(names, list.Items[i].Name) {
			claims[list.Items[i].Name] = &list.Items[i]
		}
	}
	return claims, nil
}
