package revision

import (
	"encoding/json"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
)

const someData = `{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"app","image":"app:1"}]}}}}`

// FuzzSameTemplate takes any two revisions' data: to mean the same goes both ways,
// and what is an object means the same as itself.
func FuzzSameTemplate(f *testing.F) {
	f.Add([]byte(someData), []byte(`{"spec":{"template":{"$patch":"replace","spec":{"restartPolicy":"Always"}}}}`))
	f.Add([]byte(`{"a":[{}],"b":null}`), []byte(`{"a":[null]}`))
	f.Add([]byte(`{"image":1,"imagePullPolicy":"Always"}`), []byte(`[]`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if SameTemplate(a, b) != SameTemplate(b, a) {
			t.Errorf("whether these mean the same depends on the order:\n%s\n%s", a, b)
		}
		var object map[string]any
		if json.Unmarshal(a, &object) == nil && !SameTemplate(a, a) {
			t.Errorf("this does not mean the same as itself: %s", a)
		}
	})
}

// FuzzTemplate takes any revision's data: what is read of it is kept when it is
// recorded again.
func FuzzTemplate(f *testing.F) {
	f.Add([]byte(someData))
	f.Add([]byte(`{"spec":{}}`))
	f.Add([]byte(`{"spec":{"template":{"spec":{"containers":[{"resources":{"limits":{"cpu":"1e3"}}}]}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		template, err := Template(&appsv1.ControllerRevision{Data: runtime.RawExtension{Raw: data}})
		if err != nil {
			return
		}
		again, err := recorded(template)
		if err != nil {
			t.Fatalf("what was read of this cannot be recorded: %v\n%s", err, data)
		}
		// What is recorded once is as the API server would have it, and stays so.
		twice, err := recorded(again)
		if err != nil || !equality.Semantic.DeepEqual(again, twice) {
			t.Errorf("recorded again (%v), this became something else:\n%s\n%+v\n%+v", err, data, again, twice)
		}
	})
}

// recorded is a template after it was recorded in a revision.
func recorded(template *corev1.PodTemplateSpec) (*corev1.PodTemplateSpec, error) {
	set := &appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{Template: *template}}
	set.Name = "web"
	r, err := New(set, 1, 0)
	if err != nil {
		return nil, err
	}
	return Template(r)
}
