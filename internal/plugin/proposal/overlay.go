package proposal

import (
	"context"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/controller/snapshot"
)

// overlay is a view of the API server in which what is proposed is there already.
type overlay struct {
	snapshot.View
	sets     map[types.NamespacedName]*appsv1.StatefulSet
	services map[types.NamespacedName]*corev1.Service
	claims   map[types.NamespacedName]*corev1.PersistentVolumeClaim
	policies map[types.NamespacedName]*v1alpha1.StatefulSetPolicy
}

func (o *overlay) Policies(ctx context.Context, set types.NamespacedName) ([]*v1alpha1.StatefulSetPolicy, error) {
	there, err := o.View.Policies(ctx, set)
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(slices.Clone(there), func(p *v1alpha1.StatefulSetPolicy) bool {
		return o.policies[types.NamespacedName{Namespace: p.Namespace, Name: p.Name}] != nil
	})
	for key, policy := range o.policies {
		if key.Namespace == set.Namespace && policy.Spec.TargetRef.Name == set.Name {
			all = append(all, policy)
		}
	}
	return all, nil
}

func (o *overlay) Service(ctx context.Context, key types.NamespacedName) (*corev1.Service, error) {
	if service := o.services[key]; service != nil {
		return service, nil
	}
	return o.View.Service(ctx, key)
}

func (o *overlay) Claims(ctx context.Context, namespace string, names []string) (map[string]*corev1.PersistentVolumeClaim, error) {
	there, err := o.View.Claims(ctx, namespace, names)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(there)
	for key, claim := range o.claims {
		if key.Namespace == namespace && slices.Contains(names, key.Name) {
			all[key.Name] = claim
		}
	}
	return all, nil
}

func (o *overlay) Governed(ctx context.Context, service types.NamespacedName) ([]*appsv1.StatefulSet, error) {
	there, err := o.View.Governed(ctx, service)
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(slices.Clone(there), func(s *appsv1.StatefulSet) bool {
		return o.sets[types.NamespacedName{Namespace: s.Namespace, Name: s.Name}] != nil
	})
	for key, set := range o.sets {
		if key.Namespace == service.Namespace && set.Spec.ServiceName == service.Name {
			all = append(all, set)
		}
	}
	return all, nil
}
