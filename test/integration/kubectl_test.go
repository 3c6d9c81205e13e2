package integration

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubectl/pkg/cmd/util"
	"k8s.io/kubectl/pkg/polymorphichelpers"
)

// What kubectl rollout does is in kubectl, not in the API: these tests call the
// functions behind its commands.

var setKind = schema.GroupKind{Group: appsv1.GroupName, Kind: "StatefulSet"}

func TestKubectlRolloutUndo(t *testing.T) {
	w := newScene(t)
	w.create(web())
	w.Eventually(w.Ready("web", 3))
	w.change(image("web:2"))
	w.Eventually(w.images("web:2", "web:2", "web:2"))
	w.Eventually(w.Ready("web", 3))
	w.Forget()

	rollbacker, err := polymorphichelpers.RollbackerFor(setKind, w.Client)
	w.Must(err)
	const previous = 0
	_, err = rollbacker.Rollback(w.Set("web"), nil, previous, util.DryRunNone)
	w.Must(err)
	w.Happens(
		"web-2 stopping", "web-2 gone", "web-2 created", "web-2 ready",
		"web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready",
		"web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready",
	)
	w.Eventually(w.images("web:1", "web:1", "web:1"))
	w.Eventually(w.Ready("web", 3))
	w.Eventually(w.revisionCount(2))
}

func TestKubectlRolloutHistory(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(1)))
	w.Eventually(w.Ready("web", 1))
	w.change(image("web:2"))
	w.Eventually(w.Ready("web", 1))
	w.Eventually(w.revisionCount(2))

	viewer, err := polymorphichelpers.HistoryViewerFor(setKind, w.Client)
	w.Must(err)
	history, err := viewer.GetHistory(w.Namespace, "web")
	w.Must(err)
	if len(history) != 2 || history[1] == nil || history[2] == nil {
		t.Errorf("kubectl sees the history %v, not the revisions 1 and 2", history)
	}
	first, err := viewer.ViewHistory(w.Namespace, "web", 1)
	w.Must(err)
	if !strings.Contains(first, "web:1") {
		t.Errorf("revision 1 does not show the image web:1:\n%s", first)
	}
}

func TestKubectlRolloutStatusFollowsAnUpdateToItsEnd(t *testing.T) {
	w := newScene(t)
	w.create(web(stubborn))
	w.Eventually(w.rolloutStatus(true, "complete"))
	w.Eventually(w.Ready("web", 3))
	w.Forget()

	w.change(image("web:2"))
	w.Happens("web-2 stopping")
	w.Eventually(w.rolloutStatus(false, "Waiting for"))
	for _, pod := range []string{"web-2", "web-1", "web-0"} {
		w.letGo(pod)
		w.Eventually(w.runs(pod, "web:2"))
	}
	w.Eventually(w.rolloutStatus(true, "complete"))
}

// rolloutStatus objects unless kubectl rollout status would say this, and end
// or not.
func (w *scene) rolloutStatus(done bool, says string) func() error {
	return func() error {
		set := w.Set("web")
		if set == nil {
			return fmt.Errorf("there is no StatefulSet web")
		}
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(set)
		w.Must(err)
		viewer, err := polymorphichelpers.StatusViewerFor(setKind)
		w.Must(err)
		message, over, err := viewer.Status(&unstructured.Unstructured{Object: content}, 0)
		w.Must(err)
		if over != done || !strings.Contains(message, says) {
			return fmt.Errorf("kubectl rollout status says %q, over: %t", message, over)
		}
		return nil
	}
}

func TestKubectlRolloutRestart(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2)))
	w.Eventually(w.Ready("web", 2))
	w.Forget()

	w.change(func(s *appsv1.StatefulSet) {
		s.Spec.Template.Annotations["kubectl.kubernetes.io/restartedAt"] = metav1.Now().Format("2006-01-02T15:04:05Z07:00")
	})
	w.Happens("web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready",
		"web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready")
	w.Eventually(w.Ready("web", 2))
}
