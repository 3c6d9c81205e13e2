package volumes

import (
	"context"
	"fmt"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
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

// growthOffered is in a class whose claims have once been allowed to grow. Who forbids it
// after that is left alone.
const growthOffered = "ordinal.dev/growth-offered"

// ensureClass creates the class if there is none of its name. One that is
// there is the user's to change, and left alone but for what offerGrowth does once.
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

// offerGrowth lets the claims of a class grow that an earlier version made, and that did
// not allow it. It tries until it succeeds and nothing waits for it: a webhook that has
// to be asked may run in a pod that cannot run before.
func (p *Provisioner) offerGrowth(ctx context.Context) {
	_ = wait.PollUntilContextCancel(ctx, lastRetry, true, func(ctx context.Context) (bool, error) {
		err := offerGrowth(ctx, p.client)
		if err != nil {
			p.log.Error(err, "claims may not grow yet, and that is tried again", "class", ClassName, "in", lastRetry)
		}
		return err == nil, nil
	})
}

func offerGrowth(ctx context.Context, client kubernetes.Interface) error {
	classes := client.StorageV1().StorageClasses()
	found, err := classes.Get(ctx, ClassName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if _, offered := found.Annotations[growthOffered]; offered || found.Provisioner != ProvisionerName {
		return nil
	}
	metav1.SetMetaDataAnnotation(&found.ObjectMeta, growthOffered, "true")
	found.AllowVolumeExpansion = ptr.To(true)
	_, err = classes.Update(ctx, found, metav1.UpdateOptions{})
	return err
}

func class() *storagev1.StorageClass {
	return &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{
			Name:        ClassName,
			Annotations: map[string]string{defaultClassAnnotation: "true", growthOffered: "true"},
		},
		Provisioner:          ProvisionerName,
		ReclaimPolicy:        ptr.To(corev1.PersistentVolumeReclaimDelete),
		VolumeBindingMode:    ptr.To(storagev1.VolumeBindingWaitForFirstConsumer),
		AllowVolumeExpansion: ptr.To(true),
	}
}
