package snapshot

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/controller/kinds"
)

// Gone is what can be told of a set that this controller has not seen, or has forgotten, by
// what is left of it: a Service that was made for it, and perhaps pods. It is in deletion.
// It is nil if nothing is left.
func (c *Cache) Gone(ctx context.Context, key types.NamespacedName) (*appsv1.StatefulSet, error) {
	services, err := list[*corev1.Service](c.stores[kinds.Service], byOwner, key.String())
	if err != nil || len(services) == 0 {
		return nil, err
	}
	pods, err := c.Pods(ctx, key)
	if err != nil {
		return nil, err
	}
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	set.Spec.ServiceName = services[0].Name
	set.Spec.Selector = &metav1.LabelSelector{MatchLabels: services[0].Spec.Selector}
	set.Spec.Template.Labels = services[0].Spec.Selector
	for _, pod := range pods {
		if kinds.OwningSet(pod) == key.Name {
			set.UID, set.DeletionTimestamp = metav1.GetControllerOfNoCopy(pod).UID, pod.DeletionTimestamp
		}
	}
	return set, nil
}
