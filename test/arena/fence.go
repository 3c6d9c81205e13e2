package arena

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/internal/fence"
)

// writesRole is what a namespace binds that is Ordinal's.
const writesRole = "ordinal-controller-writes"

const (
	// proving is a namespace that is Ordinal's, in which probes tell whether the fence is up.
	proving = "proving"
	// enforcedWithin is how long the API server may take to load a policy.
	enforcedWithin = 30 * time.Second
	// standsWithin is how long the controller may take for a proof, which takes ten
	// seconds, or to take back what it has set.
	standsWithin = 90 * time.Second
	askEvery     = 50 * time.Millisecond
)

// Fence grants the account Fenced the permissions that the manifest install.yaml has for
// it, puts up the fence, and waits until the API server enforces it.
func (c *Cluster) Fence(ctx context.Context, install string) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	manifest, err := os.ReadFile(install)
	if err != nil {
		return err
	}
	for document := range strings.SplitSeq(string(manifest), "\n---\n") {
		if err := createRole(ctx, client, document); err != nil {
			return err
		}
	}
	_, err = client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: proving}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if err := c.Take(ctx, proving); err != nil {
		return err
	}
	if _, err := client.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Create(ctx, fence.Binding(), metav1.CreateOptions{}); err != nil {
		return err
	}
	return c.RaisePolicy(ctx)
}

// createRole creates what a document describes, if it is about permissions.
func createRole(ctx context.Context, client kubernetes.Interface, document string) error {
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
		return err
	}
	rbac := client.RbacV1()
	switch kind.Kind {
	case "ClusterRole":
		return create(document, func(o *rbacv1.ClusterRole) (*rbacv1.ClusterRole, error) {
			return rbac.ClusterRoles().Create(ctx, o, metav1.CreateOptions{})
		})
	case "ClusterRoleBinding":
		return create(document, func(o *rbacv1.ClusterRoleBinding) (*rbacv1.ClusterRoleBinding, error) {
			return rbac.ClusterRoleBindings().Create(ctx, o, metav1.CreateOptions{})
		})
	case "Role":
		return create(document, func(o *rbacv1.Role) (*rbacv1.Role, error) {
			return rbac.Roles(o.Namespace).Create(ctx, o, metav1.CreateOptions{})
		})
	case "RoleBinding":
		return create(document, func(o *rbacv1.RoleBinding) (*rbacv1.RoleBinding, error) {
			return rbac.RoleBindings(o.Namespace).Create(ctx, o, metav1.CreateOptions{})
		})
	}
	return nil
}

func create[T any](document string, create func(*T) (*T, error)) error {
	object := new(T)
	if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
		return err
	}
	_, err := create(object)
	return err
}

// RaisePolicy puts up the policy, and waits until the API server enforces it.
func (c *Cluster) RaisePolicy(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	policy := fence.Policy()
	policy.Annotations = map[string]string{fence.NamespaceAnnotation: FencedNamespace}
	if _, err := client.AdmissionregistrationV1().ValidatingAdmissionPolicies().Create(ctx, policy, metav1.CreateOptions{}); err != nil {
		return err
	}
	return c.untilRefused(ctx, true)
}

// DropPolicy deletes the policy, and waits until the API server enforces it no more.
func (c *Cluster) DropPolicy(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	if err := client.AdmissionregistrationV1().ValidatingAdmissionPolicies().Delete(ctx, fence.Name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	return c.untilRefused(ctx, false)
}

// untilRefused waits until the probe is refused by the fence, or is not.
func (c *Cluster) untilRefused(ctx context.Context, refused bool) error {
	config, err := c.Admin()
	if err != nil {
		return err
	}
	config.Impersonate = rest.ImpersonationConfig{UserName: fence.Account}
	inTree, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	var last error
	err = wait.PollUntilContextTimeout(ctx, askEvery, enforcedWithin, true, func(ctx context.Context) (bool, error) {
		_, last = inTree.AppsV1().ControllerRevisions(proving).Create(ctx, fence.Probe(proving, "any"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return fence.Denied(last) == refused, nil
	})
	if err != nil {
		return fmt.Errorf("%w: the probe is to be refused by the fence: %t; the API server says: %w", err, refused, last)
	}
	return nil
}

// Take puts sets of a namespace under Ordinal, or all, and lets it write there.
func (c *Cluster) Take(ctx context.Context, namespace string, sets ...*appsv1.StatefulSet) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	_, err = client.RbacV1().RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: accountName},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: writesRole},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: FencedNamespace, Name: accountName}},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	return c.Mark(ctx, namespace, func(ns *corev1.Namespace) {
		label, annotations := fence.Take(ns, sets...)
		metav1.SetMetaDataLabel(&ns.ObjectMeta, fence.Label, label)
		for key, value := range annotations {
			delete(ns.Annotations, key)
			if value != nil {
				metav1.SetMetaDataAnnotation(&ns.ObjectMeta, key, *value)
			}
		}
	})
}

// Mark changes what a namespace says.
func (c *Cluster) Mark(ctx context.Context, namespace string, change func(*corev1.Namespace)) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		ns, err := client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
		if err != nil {
			return err
		}
		change(ns)
		_, err = client.CoreV1().Namespaces().Update(ctx, ns, metav1.UpdateOptions{})
		return err
	})
}

// Standing is what the controller behind the fence says of a namespace; nil before it has
// said anything.
func (c *Cluster) Standing(ctx context.Context, namespace string) (*fence.NamespaceRecord, error) {
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	stored, err := client.CoreV1().ConfigMaps(FencedNamespace).Get(ctx, fence.RecordName, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	record, err := fence.ReadRecord(stored)
	if err != nil {
		return nil, err
	}
	return record.Of(namespace), nil
}

// UntilStanding waits until the controller behind the fence says that a namespace is in a
// state.
func (c *Cluster) UntilStanding(ctx context.Context, namespace, state string) error {
	var at *fence.NamespaceRecord
	var last error
	err := wait.PollUntilContextTimeout(ctx, askEvery, standsWithin, true, func(ctx context.Context) (bool, error) {
		at, last = c.Standing(ctx, namespace)
		return at != nil && at.State == state, nil
	})
	if err == nil {
		return nil
	}
	return fmt.Errorf("namespace %s is to be %s, and is %+v: %w", namespace, state, at, errors.Join(err, last))
}
