package volumes

import (
	"context"
	"fmt"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

const (
	// ClassName is the name of the default StorageClass.
	ClassName = "local"
	// ProvisionerName is the provisioner of that class.
	ProvisionerName = "ordinal.dev/local"
)

const defaultClassAnnotation = "storageclass.kubernetes.io/is-default-class"

// ensureClass creates the class if there is none of its name. One that is
// there is the user's to change, and left alone.
func ensureClass(ctx context.Context, client kubernetes.Interface, log logr.Logger) error {
	classes := client.StorageV1().StorageClasses()
	found, err := classes.Get(ctx, ClassName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		found, err = classes.Create(ctx, class(), metav1.CreateOptions{})
	}
	if err != nil {
		return fmt.Errorf("making sure of StorageClass %s: %w", ClassName, err)
	}
	if found.Provisioner != ProvisionerName {
		log.Info("StorageClass is not served by Ordinal; delete it and start again to get the original back",
			"class", ClassName, "provisioner", found.Provisioner)
	}
	return nil
}

func class() *storagev1.StorageClass {
	return &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{
			Name:        ClassName,
			Annotations: map[string]string{defaultClassAnnotation: "true"},
		},
		Provisioner:       ProvisionerName,
		ReclaimPolicy:     ptr.To(corev1.PersistentVolumeReclaimDelete),
		VolumeBindingMode: ptr.To(storagev1.VolumeBindingWaitForFirstConsumer),
		// A directory has no size that could grow.
		AllowVolumeExpansion: ptr.To(false),
	}
}
