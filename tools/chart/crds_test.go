package main

import (
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/api/v1alpha1/crd"
)

const definition = "CustomResourceDefinition/statefulsetpolicies.ordinal.dev"

func TestTheDefinitionIsThatOfTheTypesAndStaysWhenTheChartGoes(t *testing.T) {
	made := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(crd.StatefulSetPolicies, &made.Object); err != nil {
		t.Fatal(err)
	}
	o := rendered(t, "")[definition]
	if o == nil || !equality.Semantic.DeepEqual(o.Object["spec"], made.Object["spec"]) {
		t.Fatalf("the chart has\n%v\nand the types give\n%v", o, made)
	}
	if policy := o.GetAnnotations()["helm.sh/resource-policy"]; policy != "keep" {
		t.Errorf("helm uninstall would delete it, and all policies: its resource policy is %q", policy)
	}
}

// Helm refuses to take over what it has not made, and `ordinal up` upgrades what it has.
func TestADefinitionOfOrdinalUpIsLeftAlone(t *testing.T) {
	for manager, installs := range map[string]bool{crd.Manager: false, "Helm": true, "kubectl": true, "": true} {
		r := requested(t, request{there: func(kind, name string) map[string]any {
			found := &unstructured.Unstructured{Object: map[string]any{}}
			if manager != "" {
				found.SetLabels(map[string]string{"app.kubernetes.io/managed-by": manager})
			}
			if kind+"/"+name != definition {
				return nil
			}
			return found.Object
		}})
		if has := r[definition] != nil; has != installs {
			t.Errorf("where %q manages the definition, the chart has it: %t", manager, has)
		}
	}
}

func TestWhoMayViewOrEditMayDoSoWithPolicies(t *testing.T) {
	for key, want := range map[string]struct {
		grants []string
		added  []string
	}{
		"ClusterRole/ordinal-policies-view": {[]string{"get", "list", "watch"}, []string{"view"}},
		"ClusterRole/ordinal-policies-edit": {[]string{"create", "update", "patch", "delete", "deletecollection"}, []string{"edit", "admin"}},
	} {
		role := as[rbacv1.ClusterRole](t, rendered(t, ""), key)
		for _, to := range want.added {
			if role.Labels["rbac.authorization.k8s.io/aggregate-to-"+to] != "true" {
				t.Errorf("%s is not added to %s: %v", key, to, role.Labels)
			}
		}
		var grants []string
		for _, verb := range want.grants {
			grants = append(grants, verb+" ordinal.dev/statefulsetpolicies")
		}
		if have := roles(t, rendered(t, ""))[key]; !slices.Equal(have, grants) {
			t.Errorf("%s grants %v", key, have)
		}
	}
}
