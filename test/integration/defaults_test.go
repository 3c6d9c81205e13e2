package integration

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

func decoded(w *scene, data []byte) (object map[string]any) {
	w.Helper()
	w.Must(json.Unmarshal(data, &object))
	return object
}
