package main

import (
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// set reads values as a file of them has them.
func set(t *testing.T, text string) map[string]any {
	t.Helper()
	values := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return values
}

// everything has all that can be switched on.
const everything = `
networkPolicy: {enabled: true}
podMonitor: {enabled: true}
prometheusRule: {enabled: true}
dashboard: {enabled: true}
`

// A release is what the chart makes, by kind and name.
type release map[string]*unstructured.Unstructured

func rendered(t *testing.T, values string) release {
	t.Helper()
	return requested(t, request{values: set(t, values)})
}

func requested(t *testing.T, r request) release {
	t.Helper()
	objects, err := r.objects()
	if err != nil {
		t.Fatal(err)
	}
	found := release{}
	for _, o := range objects {
		key := o.GetKind() + "/" + o.GetName()
		if found[key] != nil {
			key += " in " + o.GetNamespace()
		}
		found[key] = o
	}
	return found
}

// text is one object as YAML, "" if there is none.
func (r release) text(t *testing.T, key string) string {
	t.Helper()
	if r[key] == nil {
		return ""
	}
	text, err := yaml.Marshal(r[key].Object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// as converts one object into its type.
func as[T any](t *testing.T, r release, key string) *T {
	t.Helper()
	if r[key] == nil {
		t.Fatalf("there is no %s", key)
	}
	to := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(r[key].Object, to); err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return to
}

// An API server drops a field that it does not know, and nobody would notice.
func TestEveryFieldIsOneThatKubernetesKnows(t *testing.T) {
	kinds := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, apiextensionsv1.AddToScheme} {
		if err := add(kinds); err != nil {
			t.Fatal(err)
		}
	}
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, kinds, kinds, json.SerializerOptions{Yaml: true, Strict: true})
	for _, values := range []string{"", everything, everything + "mode: whole-cluster", "namespaces: [db]", "serviceMonitor: {enabled: true}"} {
		r := rendered(t, values)
		for key, o := range r {
			if !kinds.Recognizes(o.GroupVersionKind()) && o.GroupVersionKind().Group == "monitoring.coreos.com" {
				continue
			}
			if _, _, err := strict.Decode([]byte(r.text(t, key)), nil, nil); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		}
	}
}

func TestWhatIsMadeFromTheChartIsCurrent(t *testing.T) {
	if err := run(true); err != nil {
		t.Error(err)
	}
}

func TestHelmFindsNothingToMend(t *testing.T) {
	for _, values := range []string{"", everything, everything + "mode: whole-cluster"} {
		for _, message := range lint.RunAll(chartDir, set(t, values), namespace).Messages {
			if message.Severity >= support.WarningSev {
				t.Errorf("with %q: %s", values, message)
			}
		}
	}
}

func TestTheNotesSayWhatToTypeNext(t *testing.T) {
	for values, wanted := range map[string][]string{
		"":                             {"kubectl ordinal preflight", "kubectl ordinal take", "`helm uninstall` gives back"},
		"uninstall: {giveBack: false}": {"kubectl ordinal give-back --all"},
		"mode: whole-cluster":          {"-statefulset-controller", "ordinal.dev/statefulset-controller=in-tree"},
	} {
		files, err := request{values: set(t, values)}.render()
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wanted {
			if !strings.Contains(files["NOTES.txt"], want) {
				t.Errorf("with %q the notes do not say %q:\n%s", values, want, files["NOTES.txt"])
			}
		}
	}
}

// kubectl's users get no object that only Helm knows when to make.
func TestInstallYAMLHasNoHooks(t *testing.T) {
	text, err := install()
	if err != nil {
		t.Fatal(err)
	}
	objects, err := decode(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, o := range objects {
		kinds = append(kinds, o.GetKind())
		if _, hooked := o.GetAnnotations()[hook]; hooked {
			t.Errorf("%s %s is a hook", o.GetKind(), o.GetName())
		}
		if by := o.GetLabels()["app.kubernetes.io/managed-by"]; by == "Helm" {
			t.Errorf("%s %s says that Helm manages it", o.GetKind(), o.GetName())
		}
	}
	if kinds[0] != "Namespace" || !slices.Contains(kinds, "Deployment") || !slices.Contains(kinds, "ValidatingAdmissionPolicyBinding") {
		t.Errorf("it holds %v", kinds)
	}
}
