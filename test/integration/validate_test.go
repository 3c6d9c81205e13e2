package integration

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestTheAPIRefusesWhatCannotWork(t *testing.T) {
	tests := map[string]struct {
		edit edit
		says string
	}{
		"selector that misses the template": {
			func(s *appsv1.StatefulSet) { s.Spec.Selector.MatchLabels = map[string]string{"app": "other"} },
			"`selector` does not match template `labels`",
		},
		"negative replicas": {replicas(-1), "must be greater than or equal to 0"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newScene(t)
			_, err := w.Client.AppsV1().StatefulSets(w.Namespace).Create(w.Ctx, web(test.edit), metav1.CreateOptions{})
			if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("the API server answered %v, and not that it %s", err, test.says)
			}
		})
	}
}
