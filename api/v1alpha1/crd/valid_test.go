package crd_test

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	schemavalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/json"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/api/v1alpha1/crd"
)

// definition is the one of policies, as an API server reads it.
func definition(t *testing.T) *apiextensions.CustomResourceDefinition {
	t.Helper()
	versioned, internal := &apiextensionsv1.CustomResourceDefinition{}, &apiextensions.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(crd.StatefulSetPolicies, versioned); err != nil {
		t.Fatal(err)
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinition(versioned)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&versioned.Spec)
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(versioned, internal, nil); err != nil {
		t.Fatal(err)
	}
	return internal
}

// The API server refuses a definition whose rules do not compile, or might cost too much.
func TestAnAPIServerAcceptsTheDefinition(t *testing.T) {
	for _, err := range validation.ValidateCustomResourceDefinition(context.Background(), definition(t)) {
		t.Error(err)
	}
}

// block is an example in a page, all of a policy or a part of its spec.
var block = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// What a page shows is what people copy.
func TestTheExamplesOfPoliciesAreAccepted(t *testing.T) {
	props := definition(t).Spec.Validation.OpenAPIV3Schema
	validator, _, err := schemavalidation.NewSchemaValidator(props)
	if err != nil {
		t.Fatal(err)
	}
	structural, err := schema.NewStructural(props)
	if err != nil {
		t.Fatal(err)
	}
	rules := cel.NewValidator(structural, true, celconfig.PerCallLimit)
	for _, example := range examples(t) {
		typed, plain := &v1alpha1.StatefulSetPolicy{}, map[string]any{}
		if err := yaml.UnmarshalStrict([]byte(example), typed); err != nil {
			t.Errorf("%v in\n%s", err, example)
			continue
		}
		text, err := yaml.YAMLToJSON([]byte(example))
		if err == nil {
			err = json.Unmarshal(text, &plain) // as an API server does: whole numbers are integers
		}
		if err != nil {
			t.Fatal(err)
		}
		found := schemavalidation.ValidateCustomResource(nil, plain, validator)
		broken, _ := rules.Validate(context.Background(), nil, structural, plain, nil, celconfig.RuntimeCELCostBudget)
		for _, err := range append(found, broken...) {
			t.Errorf("%v in\n%s", err, example)
		}
	}
}

// examples are the policies of docs/policy.md, a part of a spec in one that has a target, and
// those that come with the project.
func examples(t *testing.T) (all []string) {
	t.Helper()
	page, err := os.ReadFile("../../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range block.FindAllSubmatch(page, -1) {
		example := string(found[1])
		switch {
		case strings.HasPrefix(example, "  "):
			example = "spec:\n  targetRef: {name: pg}\n" + example
		case !bytes.Contains(found[1], []byte("kind: StatefulSetPolicy")) && !strings.HasPrefix(example, "spec:"):
			continue // it is of something else
		}
		all = append(all, example)
	}
	if len(all) < 3 {
		t.Fatalf("of the examples in docs/policy.md only %d are found", len(all))
	}
	for _, file := range []string{"policy.yaml", "members.yaml"} {
		manifests, err := os.ReadFile("../../../examples/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for manifest := range strings.SplitSeq(string(manifests), "\n---\n") {
			if strings.Contains(manifest, "kind: StatefulSetPolicy") {
				all = append(all, manifest)
			}
		}
	}
	return all
}
