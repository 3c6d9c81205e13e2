package cluster

import (
	"os"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/internal/fence"
)

// What the controller may do here is what it is tested with; in another cluster it has
// the permissions of its manifest, of which the writes are granted by the namespace. There
// it looks at the fence besides, which the controller in here has no need of.
func TestTheControllerMayDoHereWhatItsManifestLetsIt(t *testing.T) {
	var there []string
	for _, role := range manifestRoles(t) {
		if len(aggregatedTo(role)) == 0 {
			there = append(there, spell(slices.DeleteFunc(role.Rules, func(r rbacv1.PolicyRule) bool {
				return slices.Contains(r.ResourceNames, fence.Name)
			}))...)
		}
	}
	// Hooks of policies may exec here; the manifest's chart has a value for that.
	there = append(there, spell([]rbacv1.PolicyRule{rule(core, []string{"pods/exec"}, []string{"create", "get"})})...)
	slices.Sort(there)
	for _, p := range permissions() {
		if p.user == "ordinal:controller" && !slices.Equal(spell(p.rules), there) {
			t.Errorf("here it may\n%s\nand by its manifest\n%s", strings.Join(spell(p.rules), "\n"), strings.Join(there, "\n"))
		}
	}
}

func TestPeopleMayDoHereWhatTheManifestLetsThem(t *testing.T) {
	var here, there []string
	for _, role := range aggregated() {
		here = append(here, toEach(role)...)
	}
	for _, role := range manifestRoles(t) {
		there = append(there, toEach(role)...)
	}
	slices.Sort(here)
	slices.Sort(there)
	if !slices.Equal(here, there) {
		t.Errorf("here they may\n%s\nand by the manifest\n%s", strings.Join(here, "\n"), strings.Join(there, "\n"))
	}
}

// manifestRoles are the ClusterRoles of install.yaml.
func manifestRoles(t *testing.T) []*rbacv1.ClusterRole {
	t.Helper()
	manifest, err := os.ReadFile("../../install.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var roles []*rbacv1.ClusterRole
	for document := range strings.SplitSeq(string(manifest), "\n---\n") {
		role := &rbacv1.ClusterRole{}
		if err := yaml.Unmarshal([]byte(document), role); err != nil {
			t.Fatal(err)
		}
		if role.Kind == "ClusterRole" {
			roles = append(roles, role)
		}
	}
	if len(roles) == 0 {
		t.Fatal("install.yaml has no ClusterRole")
	}
	return roles
}

// aggregatedTo lists the roles that a role is added to.
func aggregatedTo(role *rbacv1.ClusterRole) []string {
	var to []string
	for label, value := range role.Labels {
		if name, ok := strings.CutPrefix(label, "rbac.authorization.k8s.io/aggregate-to-"); ok && value == "true" {
			to = append(to, name)
		}
	}
	return to
}

// toEach lists what a role adds to others.
func toEach(role *rbacv1.ClusterRole) []string {
	var all []string
	for _, to := range aggregatedTo(role) {
		for _, grant := range spell(role.Rules) {
			all = append(all, to+" may "+grant)
		}
	}
	return all
}

// spell lists what rules allow, one verb on one resource each.
func spell(rules []rbacv1.PolicyRule) []string {
	var all []string
	for _, r := range rules {
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				for _, verb := range r.Verbs {
					all = append(all, verb+" "+group+"/"+resource)
				}
			}
		}
	}
	slices.Sort(all)
	return all
}
