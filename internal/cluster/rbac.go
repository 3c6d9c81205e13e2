package cluster

import (
	"context"
	"fmt"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"ordinal.dev/ordinal/api/v1alpha1"
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

	own      = []string{v1alpha1.GroupVersion.Group}
	policies = []string{v1alpha1.PolicyResource}
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
			rule(core, []string{"pods/eviction"}, []string{"create"}),
			rule(core, []string{"pods/resize"}, []string{"patch"}),
			// Hooks of policies; who may write those may as well exec here.
			rule(core, []string{"pods/exec"}, []string{"create", "get"}),
			rule(own, policies, read),
			rule(own, []string{v1alpha1.PolicyResource + "/status"}, []string{"update", "patch"}),
			// No claim is deleted unless a policy's claims.onLost says so, but only who may
			// delete one may change its owners under OwnerReferencesPermissionEnforcement.
			rule(core, []string{"persistentvolumeclaims"}, append(read, "create", "patch", "delete")),
			// Where a policy asks whether a volume is lost, it is read, and whether its nodes exist.
			rule(core, []string{"persistentvolumes"}, []string{"get"}),
			rule(core, []string{"nodes"}, []string{"list"}),
			// The same holds for Services.
			rule(core, []string{"services"}, []string{"list", "watch", "create", "patch", "delete"}),
			rule([]string{"events.k8s.io"}, []string{"events"}, []string{"create", "patch"}),
			rule(core, []string{"events"}, []string{"list"}),
			rule(core, []string{"namespaces"}, []string{"list", "watch"}),
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
			rule(core, []string{"persistentvolumeclaims/status"}, []string{"update"}),
			rule(core, []string{"nodes", "pods"}, read),
			rule([]string{"storage.k8s.io"}, []string{"storageclasses"}, append(read, write...)),
			events,
		}},
	}
}

// aggregated are the roles that are added to others: who may view or edit things in a
// namespace may do so with policies.
func aggregated() []*rbacv1.ClusterRole {
	return []*rbacv1.ClusterRole{
		// Who has edit or admin has view with it.
		added("ordinal:policies-view", rule(own, policies, read), "view"),
		added("ordinal:policies-edit", rule(own, policies, append(write, "deletecollection")), "edit", "admin"),
	}
}

func added(name string, r rbacv1.PolicyRule, to ...string) *rbacv1.ClusterRole {
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}, Rules: []rbacv1.PolicyRule{r}}
	for _, t := range to {
		role.Labels["rbac.authorization.k8s.io/aggregate-to-"+t] = "true"
	}
	return role
}

// tryAgain is how long to wait before something is tried again that was refused.
const tryAgain = 10 * time.Second

// grant makes the roles and binds them, as they are in this version. Nothing is written
// that is so already: a webhook that has to be asked for it may run in a pod that cannot
// run before. A role that cannot be changed now is changed later, and one that no part of
// the cluster needs is made later.
func (c *Cluster) grant(ctx context.Context, client kubernetes.Interface) error {
	for _, p := range permissions() {
		role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: p.user}, Rules: p.rules}
		roles := client.RbacV1().ClusterRoles()
		_, err := roles.Get(ctx, p.user, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			_, err = roles.Create(ctx, role, metav1.CreateOptions{})
		}
		if err != nil {
			return fmt.Errorf("granting %s its role: %w", p.user, err)
		}
		if err := bind(ctx, client, p.user); err != nil {
			return fmt.Errorf("binding %s to its role: %w", p.user, err)
		}
		go c.untilDone(ctx, "role "+role.Name, func() error { return putRole(ctx, client, role) })
	}
	for _, role := range aggregated() {
		go c.untilDone(ctx, "role "+role.Name, func() error { return putRole(ctx, client, role) })
	}
	return nil
}

// putRole makes a role, or has it allow what it is to allow.
func putRole(ctx context.Context, client kubernetes.Interface, role *rbacv1.ClusterRole) error {
	roles := client.RbacV1().ClusterRoles()
	found, err := roles.Get(ctx, role.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		_, err = roles.Create(ctx, role, metav1.CreateOptions{})
	case err == nil && !equality.Semantic.DeepEqual(found.Rules, role.Rules):
		_, err = roles.Update(ctx, role, metav1.UpdateOptions{})
	}
	return err
}

// untilDone tries to bring something to this version until it succeeds.
func (c *Cluster) untilDone(ctx context.Context, what string, change func() error) {
	_ = wait.PollUntilContextCancel(ctx, tryAgain, true, func(context.Context) (bool, error) {
		err := change()
		if err != nil {
			c.log.Error(err, "not as this version needs it yet, and tried again", "what", what, "in", tryAgain)
		}
		return err == nil, nil
	})
}

func bind(ctx context.Context, client kubernetes.Interface, user string) error {
	bindings := client.RbacV1().ClusterRoleBindings()
	_, err := bindings.Get(ctx, user, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = bindings.Create(ctx, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: user},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: user},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		}, metav1.CreateOptions{})
	}
	return err
}
