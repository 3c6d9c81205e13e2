package proposal

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/forecast"
)

const defaultClass = "storageclass.kubernetes.io/is-default-class"

// storage is what there is to serve claims, with the classes that the manifest brings.
func storage(ctx context.Context, c client.Client, brought []storagev1.StorageClass) (forecast.Storage, error) {
	var classes storagev1.StorageClassList
	var volumes corev1.PersistentVolumeList
	err := c.List(ctx, &classes)
	if err == nil {
		err = c.List(ctx, &volumes)
	}
	if apierrors.IsForbidden(err) {
		return forecast.Storage{}, nil
	}
	s := forecast.Storage{Known: true, Classes: map[string]bool{}, Fixed: map[string]bool{}}
	var newest *storagev1.StorageClass
	all := append(classes.Items, brought...)
	for i := range all {
		class := &all[i]
		s.Classes[class.Name] = true
		s.Fixed[class.Name] = class.AllowVolumeExpansion == nil || !*class.AllowVolumeExpansion
		if class.Annotations[defaultClass] == "true" && (newest == nil || newest.CreationTimestamp.Before(&class.CreationTimestamp)) {
			newest, s.Default = class, class.Name
		}
	}
	for i := range volumes.Items {
		if v := &volumes.Items[i]; v.Status.Phase == corev1.VolumeAvailable {
			s.Classes[v.Spec.StorageClassName] = true
		}
	}
	return s, err
}
