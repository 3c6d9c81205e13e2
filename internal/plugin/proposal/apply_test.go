package proposal

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// live is a set with two variables, one of which another than who applied it has written.
const live = `
metadata: {name: web, labels: {team: db, app: web}}
spec:
  replicas: 3
  template:
    spec:
      containers:
      - name: web
        image: web:1
        env: [{name: MINE, value: "1"}, {name: THEIRS, value: "2"}]
`

const manifest = `{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"web"},"spec":{"template":{"spec":{"containers":[{"name":"web","image":"web:2","env":[{"name":"NEW","value":"3"}]}]}}}}`

// fields are those of who applied it: the image, one variable and a label.
const fields = `{"f:metadata":{"f:labels":{"f:app":{}}},"f:spec":{"f:template":{"f:spec":{"f:containers":{
	"k:{\"name\":\"web\"}":{".":{},"f:name":{},"f:image":{},"f:env":{".":{},"k:{\"name\":\"MINE\"}":{".":{},"f:name":{},"f:value":{}}}}}}}}}`

func liveSet(t *testing.T, managed ...metav1.ManagedFieldsEntry) *appsv1.StatefulSet {
	t.Helper()
	s := &appsv1.StatefulSet{}
	if err := yaml.UnmarshalStrict([]byte(live), s); err != nil {
		t.Fatal(err)
	}
	s.ManagedFields = managed
	return s
}

func entry(manager string, operation metav1.ManagedFieldsOperationType, second int, raw string) metav1.ManagedFieldsEntry {
	at := metav1.NewTime(time.Unix(int64(second), 0))
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, Time: &at, FieldsV1: metav1.NewFieldsV1(raw)}
}

func TestWhatHelmHasWrittenIsAboutItsLastManifest(t *testing.T) {
	helms := entry(helm, metav1.ManagedFieldsOperationUpdate, 1, fields)
	got, err := ownedBy(liveSet(t), &helms)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"metadata":{"labels":{"app":"web"}},"spec":{"template":{"spec":{"containers":[{"env":[{"name":"MINE","value":"1"}],"image":"web:1","name":"web"}]}}}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestFieldsOfListsByValueAndOfAbsentItems(t *testing.T) {
	content := map[string]any{"metadata": map[string]any{"finalizers": []any{"a", "b"}}, "spec": map[string]any{"ports": []any{}}}
	var picked map[string]any
	raw := `{"f:metadata":{"f:finalizers":{"v:\"b\"":{}},"f:gone":{}},"f:spec":{"f:ports":{"k:{\"port\":80}":{"f:name":{}}}}}`
	if err := json.Unmarshal([]byte(raw), &picked); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"metadata": map[string]any{"finalizers": []any{"b"}}, "spec": map[string]any{"ports": []any(nil)}}
	if diff := cmp.Diff(want, pick(content, picked)); diff != "" {
		t.Error(diff)
	}
}

// An apply removes what the last one brought and this one does not, and nothing of others.
func TestHowAnObjectIsAppliedFollowsHowItWas(t *testing.T) {
	apply, write := metav1.ManagedFieldsOperationApply, metav1.ManagedFieldsOperationUpdate
	status := entry("controller", apply, 9, fields)
	status.Subresource = "status"
	noted := liveSet(t, entry(kubectlHere, write, 1, fields))
	noted.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: `{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"web:1","env":[{"name":"MINE","value":"1"}]}]}}}}`}
	for name, test := range map[string]struct {
		live    *appsv1.StatefulSet
		kind    types.PatchType
		manager string
	}{
		"new":                         {nil, types.ApplyPatchType, kubectl},
		"by nobody who is known":      {liveSet(t, entry("operator", write, 1, fields)), types.ApplyPatchType, kubectl},
		"by kubectl, with its note":   {noted, types.StrategicMergePatchType, kubectlHere},
		"by Helm":                     {liveSet(t, entry("other", write, 2, fields), entry(helm, write, 1, fields)), types.StrategicMergePatchType, helm},
		"by who applied it last":      {liveSet(t, entry("flux", apply, 2, fields), entry("old", apply, 1, fields), status), types.ApplyPatchType, "flux"},
		"by who applied more than it": {liveSet(t, entry("labeller", apply, 2, `{"f:metadata":{}}`), entry("argo", apply, 1, fields)), types.ApplyPatchType, "argo"},
	} {
		t.Run(name, func(t *testing.T) {
			how, err := chooseHow(test.live, []byte(manifest), test.live != nil, &appsv1.StatefulSet{})
			if err != nil || how.kind != test.kind || how.manager != test.manager {
				t.Fatalf("%s by %s (%v), want %s by %s", how.kind, how.manager, err, test.kind, test.manager)
			}
			if how.kind == types.ApplyPatchType {
				return
			}
			patch := string(how.patch)
			if !strings.Contains(patch, `{"$patch":"delete","name":"MINE"}`) || strings.Contains(patch, "THEIRS") || !strings.Contains(patch, `"image":"web:2"`) {
				t.Errorf("the patch is %s", patch)
			}
		})
	}
}

// `helm template` prints a release's objects without what makes them a release's.
func TestARenderedDocumentStaysItsReleases(t *testing.T) {
	live := liveSet(t)
	live.Annotations = map[string]string{helmReleaseName: "db", helmReleaseNamespace: "shop", "theirs": "x"}
	live.Labels[helmManagedBy] = "Helm"
	document := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(manifest), document); err != nil {
		t.Fatal(err)
	}
	addReleaseOf(live, document)
	if diff := cmp.Diff(map[string]string{helmReleaseName: "db", helmReleaseNamespace: "shop"}, document.GetAnnotations()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{helmManagedBy: "Helm"}, document.GetLabels()); diff != "" {
		t.Error(diff)
	}

	document.SetAnnotations(map[string]string{helmReleaseName: "another"})
	document.SetLabels(nil)
	addReleaseOf(live, document)
	if document.GetAnnotations()[helmReleaseName] != "another" || document.GetLabels() != nil {
		t.Errorf("what it says itself counts, and it has %v and %v", document.GetAnnotations(), document.GetLabels())
	}
}

func TestALongValueIsLeftOutOfARefusal(t *testing.T) {
	long := `StatefulSet.apps "web" is invalid: spec.volumeClaimTemplates: Invalid value: [{"name":"data","Spec":{` + strings.Repeat("x", 200) + `}}]: field is immutable`
	for in, want := range map[string]string{
		long: `StatefulSet.apps "web" is invalid: spec.volumeClaimTemplates: field is immutable`,
		"spec.template.metadata.labels: Invalid value: {\"app\":\"b\"}: `selector` does not match template `labels`": "spec.template.metadata.labels: Invalid value: {\"app\":\"b\"}: `selector` does not match template `labels`",
		"forbidden: exceeded quota": "forbidden: exceeded quota",
	} {
		if got := inShort(in); got != want {
			t.Errorf("%q became %q", in, got)
		}
	}
}
