package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"ordinal.dev/ordinal/internal/fence"
)

// grants lists what a role allows, one verb on one resource each, with the names it is
// limited to.
func grants(rules []rbacv1.PolicyRule) (all []string) {
	for _, r := range rules {
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				for _, verb := range r.Verbs {
					all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s/%s %s", verb, group, resource, strings.Join(r.ResourceNames, ","))))
				}
			}
		}
	}
	return all
}

// roles are the grants of each role, by its kind and name.
func roles(t *testing.T, r release) map[string][]string {
	found := map[string][]string{}
	for key, o := range r {
		switch o.GetKind() {
		case "ClusterRole", "Role":
			found[key] = grants(as[rbacv1.ClusterRole](t, r, key).Rules)
		}
	}
	return found
}

func TestNoRoleGrantsMoreThanIsNeeded(t *testing.T) {
	for _, values := range []string{"", "mode: whole-cluster", "rbac: {allNamespaces: true}"} {
		for role, granted := range roles(t, rendered(t, values)) {
			for _, grant := range granted {
				if strings.Contains(grant, "*") || strings.Contains(grant, "/secrets") {
					t.Errorf("%s: %s", role, grant)
				}
				for _, verb := range []string{"create", "update", "patch", "delete", "deletecollection"} {
					if grant == verb+" apps/statefulsets" && role != "ClusterRole/ordinal-give-back" {
						t.Errorf("%s lets the specs of sets be written: %s", role, grant)
					}
				}
				if strings.HasPrefix(grant, "impersonate ") && grant != "impersonate /serviceaccounts "+fence.AccountName {
					t.Errorf("%s: %s", role, grant)
				}
			}
		}
	}
}

// What is bound on the whole cluster only reads.
func TestInFencedModeNothingIsWrittenOutsideTheNamespacesThatWereTaken(t *testing.T) {
	r := rendered(t, "")
	for key, o := range r {
		if o.GetKind() != "ClusterRoleBinding" || o.GetAnnotations()[hook] != "" {
			continue
		}
		role := as[rbacv1.ClusterRoleBinding](t, r, key).RoleRef.Name
		for _, grant := range roles(t, r)["ClusterRole/"+role] {
			if verb, _, _ := strings.Cut(grant, " "); !slices.Contains([]string{"get", "list", "watch"}, verb) {
				t.Errorf("%s grants everywhere: %s", key, grant)
			}
		}
	}
	if role := r["Role/ordinal-controller-probe"]; role == nil || role.GetNamespace() != fence.AccountNamespace {
		t.Error("the controller may not try the fence as the in-tree controller")
	}
}

// The admission plugin OwnerReferencesPermissionEnforcement lets only those change an
// object's owners who may delete it, and only those make references that block an owner's
// deletion who may update the owner's finalizers.
func TestTheWritesIncludeWhatChangingOwnersTakes(t *testing.T) {
	granted := roles(t, rendered(t, ""))["ClusterRole/ordinal-controller-writes"]
	for _, needed := range []string{
		"delete /pods", "delete /persistentvolumeclaims", "delete apps/controllerrevisions", "update apps/statefulsets/finalizers",
	} {
		if !slices.Contains(granted, needed) {
			t.Errorf("the controller may not %s; it may %v", needed, granted)
		}
	}
}

func TestGivingBackDeletesNoSetPodOrClaim(t *testing.T) {
	for role, granted := range roles(t, rendered(t, "")) {
		if !strings.HasSuffix(role, "/ordinal-give-back") {
			continue
		}
		for _, grant := range granted {
			verb, _, _ := strings.Cut(grant, " ")
			reads := slices.Contains([]string{"get", "list", "watch"}, verb)
			allowed := []string{"patch /namespaces", "patch apps/statefulsets", "delete rbac.authorization.k8s.io/rolebindings ordinal-controller"}
			if !reads && !slices.Contains(allowed, grant) {
				t.Errorf("%s: %s", role, grant)
			}
		}
	}
}

// Whoever applies the chart from Git wants no grant outside of it.
func TestNamespacesOfTheValuesAreGranted(t *testing.T) {
	r := rendered(t, "namespaces: [db, queue]")
	for key, in := range map[string]string{"RoleBinding/ordinal-controller": "db", "RoleBinding/ordinal-controller in queue": "queue"} {
		binding := as[rbacv1.RoleBinding](t, r, key)
		if binding.Namespace != in || binding.RoleRef.Name != "ordinal-controller-writes" || binding.RoleRef.Kind != "ClusterRole" ||
			binding.Subjects[0].Name != "ordinal-controller" || binding.Subjects[0].Namespace != namespace {
			t.Errorf("%s is %+v", key, binding)
		}
	}
}
