package cluster

import (
	"context"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"ordinal.dev/ordinal/internal/cluster/node"
)

// permission is what one of the cluster's own clients may do.
type permission struct {
	user  string
	rules []rbacv1.PolicyRule
}

func rule(groups, resources, verbs []string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: groups, Resources: resources, Verbs: verbs}
}

var (
	core  = []string{""}
	read  = []string{"get", "list", "watch"}
	write = []string{"create", "update", "patch", "delete"}
)

// permissions are the least that each client needs.
func permissions() []permission {
	events := rule([]string{"", "events.k8s.io"}, []string{"events"}, []string{"create", "patch", "update"})
	return []permission{
		{"ordinal:controller", []rbacv1.PolicyRule{
			rule([]string{"apps"}, []string{"statefulsets"}, read),
			rule([]string{"apps"}, []string{"statefulsets/status", "statefulsets/finalizers"}, []string{"update"}),
			rule([]string{"apps"}, []string{"controllerrevisions"}, append(read, "create", "patch", "delete")),
			rule(core, []string{"pods"}, append(read, "create", "patch", "delete")),
			// No claim is ever deleted, but only who may delete one may change its
			// owners under OwnerReferencesPermissionEnforcement.
			rule(core, []string{"persistentvolumeclaims"}, append(read, "create", "patch", "delete")),
			rule(core, []string{"services"}, []string{"list", "watch", "create"}),
			rule([]string{"events.k8s.io"}, []string{"events"}, []string{"create", "patch"}),
		}},
		// No controller attaches volumes here; see controlplane.Controllers.
		{node.User, []rbacv1.PolicyRule{
			rule([]string{"storage.k8s.io"}, []string{"volumeattachments"}, append(read, "create", "delete")),
		}},
		{"ordinal:dns", []rbacv1.PolicyRule{
			rule(core, []string{"services", "endpoints", "pods", "namespaces"}, read),
			rule([]string{"discovery.k8s.io"}, []string{"endpointslices"}, read),
		}},
		{"ordinal:volumes", []rbacv1.PolicyRule{
			rule(core, []string{"persistentvolumes"}, append(read, write...)),
			rule(core, []string{"persistentvolumeclaims"}, append(read, "update", "patch")),
			rule(core, []string{"nodes", "pods"}, read),
			rule([]string{"storage.k8s.io"}, []string{"storageclasses"}, append(read, write...)),
			events,
		}},
	}
}

// grant makes the roles and binds them, as they are in this version.
func grant(ctx context.Context, client kubernetes.Interface) error {
	for _, p := range permissions() {
		role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: p.user}, Rules: p.rules}
		roles := client.RbacV1().ClusterRoles()
		_, err := roles.Create(ctx, role, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			_, err = roles.Update(ctx, role, metav1.UpdateOptions{})
		}
		if err != nil {
			return fmt.Errorf("granting %s its role: %w", p.user, err)
		}
		_, err = client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: p.user},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: p.user},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: p.user}},
		}, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("binding %s to its role: %w", p.user, err)
		}
	}
	return nil
}
