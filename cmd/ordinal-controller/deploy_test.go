package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// The admission plugin OwnerReferencesPermissionEnforcement lets only those
// change an object's owners who may delete it, and only those make references
// that block an owner's deletion who may update the owner's finalizers.
func TestTheManifestGrantsWhatChangingOwnersTakes(t *testing.T) {
	rules := clusterRole(t).Rules
	for _, needed := range []struct{ group, resource, verb string }{
		{"", "pods", "delete"},
		{"", "persistentvolumeclaims", "delete"},
		{"apps", "controllerrevisions", "delete"},
		{"apps", "statefulsets/finalizers", "update"},
	} {
		if !slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool {
			return slices.Contains(r.APIGroups, needed.group) && slices.Contains(r.Resources, needed.resource) && slices.Contains(r.Verbs, needed.verb)
		}) {
			t.Errorf("deploy.yaml does not let the controller %s %s", needed.verb, needed.resource)
		}
	}
}

func TestTheManifestGrantsNoWritesOfSpecs(t *testing.T) {
	for _, r := range clusterRole(t).Rules {
		for _, verb := range []string{"create", "update", "patch", "delete", "*"} {
			if slices.Contains(r.Resources, "statefulsets") && slices.Contains(r.Verbs, verb) {
				t.Errorf("deploy.yaml lets the controller %s statefulsets", verb)
			}
		}
	}
}

// clusterRole is the controller's in deploy.yaml.
func clusterRole(t *testing.T) *rbacv1.ClusterRole {
	t.Helper()
	manifest, err := os.ReadFile("deploy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), 4096)
	for {
		role := &rbacv1.ClusterRole{}
		switch err := documents.Decode(role); {
		case errors.Is(err, io.EOF):
			t.Fatal("deploy.yaml has no ClusterRole")
		case err != nil:
			t.Fatal(err)
		case role.Kind == "ClusterRole":
			return role
		}
	}
}
