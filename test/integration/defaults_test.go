package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	upstream "k8s.io/kubernetes/pkg/apis/apps/v1"

	"ordinal.dev/ordinal/internal/revision"
)

// kubernetes#134773: a template is the same before and after the API server has
// filled its defaults in.
func TestATemplateWithItsDefaultsIsTheSameTemplate(t *testing.T) {
	w := newScene(t)
	short := w.readFile("testdata/defaults.yaml")
	full, err := w.Client.AppsV1().StatefulSets(w.Namespace).Create(w.Ctx, short, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	w.Must(err)

	before, err := revision.Data(short)
	w.Must(err)
	after, err := revision.Data(full)
	w.Must(err)
	if !revision.SameTemplate(before, after) {
		t.Errorf("the defaults make another template; what is there without and with them:\n%s", cmp.Diff(decoded(w, before), decoded(w, after)))
	}
}

// A template with a field less, with one more that has a default somewhere, or with a
// number in other words, is the same template exactly if upstream's defaults make it so.
func TestWhichFieldsMayBeLeftOutIsAsUpstreamSaysEverywhere(t *testing.T) {
	w := newScene(t)
	set := w.readFile("testdata/defaults.yaml")
	upstream.SetObjectDefaults_StatefulSet(set)
	set.Spec.Template.Spec.DeprecatedServiceAccount = "" // never without the new spelling in what was stored
	full, err := revision.Data(set)
	w.Must(err)

	tree := decoded(w, full)
	scalars := map[string]any{}
	eachObject(tree, func(object map[string]any) {
		for key, value := range object {
			if kind := reflect.TypeOf(value).Kind(); kind != reflect.Map && kind != reflect.Slice {
				scalars[key] = value
			}
		}
	})
	same, other := 0, 0
	judge := func(what string) {
		changed, template := w.recorded(tree)
		if template == nil {
			return // the field is of another type here
		}
		want := equality.Semantic.DeepEqual(withDefaults(template), withDefaults(&set.Spec.Template))
		if want {
			same++
		} else {
			other++
		}
		if got := revision.SameTemplate(full, changed); got != want {
			t.Errorf("with %s, the template is the same: %t, and to upstream %t", what, got, want)
		}
	}
	eachObject(tree["spec"].(map[string]any)["template"].(map[string]any)["spec"], func(object map[string]any) {
		before := maps.Clone(object)
		for key := range before {
			delete(object, key)
			judge("no " + key + " in " + brief(before))
			object[key] = before[key]
		}
		for key, value := range before {
			text, _ := value.(string)
			if amount, err := resource.ParseQuantity(text); err == nil {
				object[key] = fmt.Sprint(amount.MilliValue(), "m")
				judge(key + " in thousandths in " + brief(before))
				object[key] = value
			}
		}
		for key, value := range scalars {
			if _, has := before[key]; !has {
				object[key] = value
				judge(key + ": " + brief(value) + " in " + brief(before))
				delete(object, key)
			}
		}
	})
	if same < 100 || other < 100 {
		t.Errorf("%d changes make the same template and %d another: too few to tell", same, other)
	}
}

// recorded is the revision's data with the fields that the API knows, and its template;
// nil if there is no such template.
func (w *scene) recorded(tree map[string]any) ([]byte, *corev1.PodTemplateSpec) {
	w.Helper()
	raw, err := json.Marshal(tree)
	w.Must(err)
	template, err := revision.Template(&appsv1.ControllerRevision{Data: runtime.RawExtension{Raw: raw}})
	if err != nil {
		return nil, nil
	}
	data, err := revision.Data(&appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{Template: *template}})
	w.Must(err)
	return data, template
}

func withDefaults(template *corev1.PodTemplateSpec) *corev1.PodTemplateSpec {
	set := &appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{Template: *template.DeepCopy()}}
	upstream.SetObjectDefaults_StatefulSet(set)
	return &set.Spec.Template
}

// eachObject calls do for every object in a tree of JSON.
func eachObject(tree any, do func(map[string]any)) {
	switch x := tree.(type) {
	case map[string]any:
		do(x)
		for _, key := range slices.Sorted(maps.Keys(x)) {
			eachObject(x[key], do)
		}
	case []any:
		for _, item := range x {
			eachObject(item, do)
		}
	}
}

func brief(value any) string {
	const enough = 120
	text, _ := json.Marshal(value)
	return string(text[:min(len(text), enough)])
}

func decoded(w *scene, data []byte) (object map[string]any) {
	w.Helper()
	w.Must(json.Unmarshal(data, &object))
	return object
}
