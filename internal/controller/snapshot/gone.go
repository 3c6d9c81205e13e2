package snapshot

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/controller/kinds"
)

// Gone is what can be told of a set that this controller has never seen, since it was
// gone before, by what is left of it: its pods, and a Service that they own. It is in
// deletion. It is nil if nothing is left.
func (c *Cache) Gone(ctx context.Context, key types.NamespacedName) (*appsv1.StatefulSet, error) {
	services, err := list[*corev1.Service](c.stores[kinds.Service], byOwner, key.String())
	if err != nil || len(services) == 0 {
		return nil, err
	}
	pods, err := c.Pods(ctx, key)
	if err != nil {
		return nil, err
	}
	for _, pod := range pods {
		owner := metav1.GetControllerOfNoCopy(pod)
		if kinds.OwningSet(pod) != key.Name {
			continue
		}
		set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, UID: owner.UID}}
		set.DeletionTimestamp = pod.DeletionTimestamp
		set.Spec.ServiceName = services[0].Name
		set.Spec.Selector = &metav1.LabelSelector{MatchLabels: services[0].Spec.Selector}
		set.Spec.Template.Labels = services[0].Spec.Selector
		return set, nil
	}
	return nil, nil
}
