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
	manifest, err := os.ReadFile("../../install.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for document := range strings.SplitSeq(string(manifest), "\n---\n") {
		role := rbacv1.ClusterRole{}
		if err := yaml.Unmarshal([]byte(document), &role); err != nil {
			t.Fatal(err)
		}
		if role.Kind == "ClusterRole" {
			there = append(there, spell(slices.DeleteFunc(role.Rules, func(r rbacv1.PolicyRule) bool {
				return slices.Contains(r.ResourceNames, fence.Name)
			}))...)
		}
	}
	if len(there) == 0 {
		t.Fatal("install.yaml has no ClusterRole")
	}
	slices.Sort(there)
	for _, p := range permissions() {
		if p.user == "ordinal:controller" && !slices.Equal(spell(p.rules), there) {
			t.Errorf("here it may\n%s\nand by its manifest\n%s", strings.Join(spell(p.rules), "\n"), strings.Join(there, "\n"))
		}
	}
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
