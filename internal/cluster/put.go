package cluster

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/api/v1alpha1/crd"
)

// managedBy is the label that says who upgrades an object.
const managedBy = "app.kubernetes.io/managed-by"

// objects is a client of one kind.
type objects[T metav1.Object] interface {
	Get(ctx context.Context, name string, opts metav1.GetOptions) (T, error)
	Create(ctx context.Context, object T, opts metav1.CreateOptions) (T, error)
	Update(ctx context.Context, object T, opts metav1.UpdateOptions) (T, error)
	Delete(ctx context.Context, name string, opts metav1.DeleteOptions) error
}

// put makes an object, or has its spec be as it is to be. What others have noted on it stays,
// and it is not written if it is so already.
func put[T metav1.Object](ctx context.Context, in objects[T], wanted T, spec func(T) any) error {
	found, err := in.Get(ctx, wanted.GetName(), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		wanted.SetLabels(map[string]string{managedBy: crd.Manager})
		_, err = in.Create(ctx, wanted, metav1.CreateOptions{})
	case err == nil && !equality.Semantic.DeepEqual(spec(found), spec(wanted)):
		wanted.SetResourceVersion(found.GetResourceVersion())
		wanted.SetLabels(found.GetLabels())
		wanted.SetAnnotations(found.GetAnnotations())
		wanted.SetFinalizers(found.GetFinalizers())
		wanted.SetOwnerReferences(found.GetOwnerReferences())
		_, err = in.Update(ctx, wanted, metav1.UpdateOptions{})
	}
	return err
}
