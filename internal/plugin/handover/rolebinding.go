package handover

import (
	"context"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/plugin/install"
)

// managedBy marks what take has made, so that give-back removes that and nothing of a
// chart's, whose next upgrade would make it again.
const managedBy, us = "app.kubernetes.io/managed-by", "kubectl-ordinal"

// roleBinding lets the controller write in a namespace.
func roleBinding(namespace string, i *install.Installation) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: install.Binding, Labels: map[string]string{managedBy: us}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: install.Writes},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: i.Namespace, Name: i.Account}},
	}
}

// bind makes it, or has it name the controller's account as it is now.
func bind(ctx context.Context, c client.Client, wanted *rbacv1.RoleBinding) error {
	err := c.Create(ctx, wanted.DeepCopy())
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	found := &rbacv1.RoleBinding{}
	if err := c.Get(ctx, client.ObjectKeyFromObject(wanted), found); err != nil {
		return err
	}
	switch {
	case found.RoleRef != wanted.RoleRef:
		return fmt.Errorf("the RoleBinding %s in namespace %s is for %s %s and not for ClusterRole %s: delete it first, if nobody needs it",
			found.Name, found.Namespace, found.RoleRef.Kind, found.RoleRef.Name, wanted.RoleRef.Name)
	case equality.Semantic.DeepEqual(found.Subjects, wanted.Subjects):
		return nil
	}
	found.Subjects = wanted.Subjects
	return c.Update(ctx, found)
}

// unbind removes it if take has made it, and says what it leaves.
func unbind(ctx context.Context, c client.Client, namespace string) (left string, err error) {
	found := &rbacv1.RoleBinding{}
	err = c.Get(ctx, types.NamespacedName{Namespace: namespace, Name: install.Binding}, found)
	switch {
	case apierrors.IsNotFound(err):
		return "", nil
	case err != nil:
		return "", err
	case found.Labels[managedBy] != us:
		return fmt.Sprintf("the RoleBinding %s stays, since %q manages it", found.Name, found.Labels[managedBy]), nil
	}
	return "", client.IgnoreNotFound(c.Delete(ctx, found))
}

// haveWrites is an error unless the role is there that the bindings are of. Who may bind
// anything may bind what does not exist.
func haveWrites(ctx context.Context, c client.Client) error {
	err := c.Get(ctx, types.NamespacedName{Name: install.Writes}, &rbacv1.ClusterRole{})
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("there is no ClusterRole %s, by which Ordinal's controller may write; upgrade or install Ordinal's chart again", install.Writes)
	}
	if apierrors.IsForbidden(err) {
		return nil // it may be bound without being read
	}
	return err
}
