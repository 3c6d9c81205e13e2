package main

import (
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"ordinal.dev/ordinal/api/v1alpha1/crd"
	"ordinal.dev/ordinal/internal/claimadmission"
	"ordinal.dev/ordinal/internal/fence"
)

const recordingPolicy = "MutatingAdmissionPolicy/" + claimadmission.Name

func TestClaimTemplatesAreAcceptedAsWrittenInGo(t *testing.T) {
	for values, mode := range map[string]string{"": fence.Fenced, "mode: whole-cluster": fence.WholeCluster} {
		r := rendered(t, values)
		for kind, specs := range map[string][2]any{
			"MutatingAdmissionPolicy":          {as[admissionv1.MutatingAdmissionPolicy](t, r, recordingPolicy).Spec, claimadmission.Recording(mode).Spec},
			"MutatingAdmissionPolicyBinding":   {as[admissionv1.MutatingAdmissionPolicyBinding](t, r, "MutatingAdmissionPolicyBinding/"+claimadmission.Name).Spec, claimadmission.RecordingBinding(mode).Spec},
			"ValidatingAdmissionPolicy":        {as[admissionv1.ValidatingAdmissionPolicy](t, r, "ValidatingAdmissionPolicy/"+claimadmission.Name).Spec, claimadmission.Refusing().Spec},
			"ValidatingAdmissionPolicyBinding": {as[admissionv1.ValidatingAdmissionPolicyBinding](t, r, "ValidatingAdmissionPolicyBinding/"+claimadmission.Name).Spec, claimadmission.RefusingBinding(mode).Spec},
		} {
			if !equality.Semantic.DeepEqual(specs[0], specs[1]) {
				t.Errorf("in mode %s, the spec of the %s is\n%+v\nnot\n%+v", mode, kind, specs[0], specs[1])
			}
		}
	}
}

// An older API server would refuse the whole installation.
func TestWithoutTheAPIThereIsNothingOfIt(t *testing.T) {
	for _, mode := range []string{"", "mode: whole-cluster"} {
		for key := range requested(t, request{values: set(t, mode), older: true}) {
			if strings.HasSuffix(key, "/"+claimadmission.Name) {
				t.Errorf("with %q there is %s", mode, key)
			}
		}
	}
}

func TestClaimAdmissionOfOrdinalUpIsLeftAlone(t *testing.T) {
	for manager, installs := range map[string]bool{crd.Manager: false, "Helm": true} {
		r := requested(t, request{there: func(kind, name string) map[string]any {
			found := &unstructured.Unstructured{Object: map[string]any{}}
			if kind+"/"+name == recordingPolicy {
				found.SetLabels(map[string]string{"app.kubernetes.io/managed-by": manager})
			}
			return found.Object
		}})
		if has := r[recordingPolicy] != nil; has != installs {
			t.Errorf("where %q manages it, the chart has it: %t", manager, has)
		}
	}
}

func TestInstallYAMLIsForAnyClusterAndTheRestIsBeside(t *testing.T) {
	text, err := install()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), claimadmission.Name) {
		t.Error("install.yaml has what only some clusters take")
	}
	text, err = installClaimTemplates()
	if err != nil {
		t.Fatal(err)
	}
	objects, err := decode(string(text))
	if err != nil || len(objects) != 4 {
		t.Errorf("install-claim-templates.yaml has %d objects (%v), not two policies and their bindings", len(objects), err)
	}
}
