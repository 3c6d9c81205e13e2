// Package definition asks the oldest Kubernetes that is supported what it thinks of the
// definition of StatefulSetPolicies.
package definition

import (
	"context"
	"os"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"sigs.k8s.io/yaml"
)

// Expressions that a later Kubernetes knows do not compile here, and some cost more here.
func TestTheOldestAPIServerAcceptsTheDefinition(t *testing.T) {
	text, err := os.ReadFile("../../../../api/v1alpha1/crd/ordinal.dev_statefulsetpolicies.yaml")
	if err != nil {
		t.Fatal(err)
	}
	versioned, internal := &apiextensionsv1.CustomResourceDefinition{}, &apiextensions.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(text, versioned); err != nil {
		t.Fatal(err)
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinition(versioned)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&versioned.Spec)
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(versioned, internal, nil); err != nil {
		t.Fatal(err)
	}
	for _, err := range validation.ValidateCustomResourceDefinition(context.Background(), internal) {
		t.Error(err)
	}
}
