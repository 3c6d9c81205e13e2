package cluster

import (
	"slices"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"ordinal.dev/ordinal/api/v1alpha1/crd"
	"ordinal.dev/ordinal/internal/claimadmission"
	"ordinal.dev/ordinal/internal/fence"
)

// changed are verbs and kinds of what was written.
func changed(client *fake.Clientset) (written []string) {
	for _, a := range client.Actions() {
		if !slices.Contains(read, a.GetVerb()) {
			written = append(written, a.GetVerb()+" "+a.GetResource().Resource)
		}
	}
	client.ClearActions()
	return written
}

func TestClaimTemplatesAreAcceptedOnceRefusalsAre(t *testing.T) {
	client := fake.NewClientset()
	for _, want := range [][]string{
		{"create validatingadmissionpolicies", "create validatingadmissionpolicybindings", "create mutatingadmissionpolicies", "create mutatingadmissionpolicybindings"},
		nil, // the second start finds them as they are to be
	} {
		if err := putClaimAdmission(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		if got := changed(client); !slices.Equal(got, want) {
			t.Errorf("it did %q, not %q", got, want)
		}
	}
}

func TestAnotherVersionsClaimAdmissionIsReplaced(t *testing.T) {
	old := claimadmission.Recording(fence.Fenced)
	old.Labels, old.ResourceVersion = map[string]string{managedBy: "Helm"}, "7"
	client := fake.NewClientset(old)
	if err := putClaimAdmission(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	if got := changed(client); !slices.Contains(got, "update mutatingadmissionpolicies") {
		t.Errorf("it did %q", got)
	}
	found, err := client.AdmissionregistrationV1().MutatingAdmissionPolicies().Get(t.Context(), claimadmission.Name, metav1.GetOptions{})
	if err != nil || found.Labels[managedBy] != "Helm" {
		t.Errorf("what others noted is %v, %v", found.Labels, err)
	}
}

func TestForAnotherControllerTheyGoUnlessSomebodyElsesThere(t *testing.T) {
	client := fake.NewClientset()
	if err := putClaimAdmission(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	changed(client)
	if err := removeClaimAdmission(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	want := []string{"delete mutatingadmissionpolicybindings", "delete mutatingadmissionpolicies", "delete validatingadmissionpolicybindings", "delete validatingadmissionpolicies"}
	if got := changed(client); !slices.Equal(got, want) {
		t.Errorf("it did %q, not %q", got, want)
	}
	if err := removeClaimAdmission(t.Context(), client); err != nil || changed(client) != nil {
		t.Errorf("with nothing there it fails with %v, or writes", err)
	}

	helms := &admissionv1.MutatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: claimadmission.Name, Labels: map[string]string{managedBy: "Helm"}}}
	client = fake.NewClientset(helms)
	if err := removeClaimAdmission(t.Context(), client); err != nil || changed(client) != nil {
		t.Errorf("it removes what is Helm's, or fails with %v; %s is ours", err, crd.Manager)
	}
}
