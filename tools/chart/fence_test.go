package main

import (
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/internal/claimadmission"
	"ordinal.dev/ordinal/internal/fence"
)

// The controller takes no other for a fence, and would write nothing.
func TestTheFenceIsTheOneThatTheControllerLooksFor(t *testing.T) {
	r := rendered(t, "")
	var policy admissionv1.ValidatingAdmissionPolicy
	if err := yaml.UnmarshalStrict([]byte(r.text(t, "ValidatingAdmissionPolicy/"+fence.Name)), &policy); err != nil {
		t.Fatal(err)
	}
	if !equality.Semantic.DeepEqual(policy.Spec, fence.Policy().Spec) {
		t.Errorf("the policy's spec is\n%+v\nnot\n%+v", policy.Spec, fence.Policy().Spec)
	}
	if in := policy.Annotations[fence.NamespaceAnnotation]; in != namespace {
		t.Errorf("the policy says that Ordinal runs in %q, not in %s", in, namespace)
	}
	var binding admissionv1.ValidatingAdmissionPolicyBinding
	if err := yaml.UnmarshalStrict([]byte(r.text(t, "ValidatingAdmissionPolicyBinding/"+fence.Name)), &binding); err != nil {
		t.Fatal(err)
	}
	if !equality.Semantic.DeepEqual(binding.Spec, fence.Binding().Spec) {
		t.Errorf("the binding's spec is\n%+v\nnot\n%+v", binding.Spec, fence.Binding().Spec)
	}
}

func TestOnAWholeClusterThereIsNothingOfTheFence(t *testing.T) {
	for key, o := range rendered(t, everything+"mode: whole-cluster") {
		if o.GetName() == claimadmission.Name {
			continue
		}
		switch o.GetKind() {
		case "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "Job":
			t.Errorf("there is %s", key)
		}
		if o.GetNamespace() == "kube-system" {
			t.Errorf("%s lets the controller act as another", key)
		}
	}
}
