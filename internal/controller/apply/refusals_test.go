package apply

import (
	"errors"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/plan"
)

func TestARefusalIsNotRepeatedForEveryPod(t *testing.T) {
	w, actions := worldToFill(t, 50)
	w.Refuse["create pods"] = apierrors.NewForbidden(corev1.Resource("pods"), "", errQuota)
	if err := w.do(actions...); !apierrors.IsForbidden(err) {
		t.Errorf("err = %v", err)
	}
	if len(w.Writes) > mostFailures+1 {
		t.Errorf("the API server was asked %d times, want about %d", len(w.Writes), mostFailures)
	}
}

func TestOfAWholeBatchThatIsRefusedTheFirstAreTold(t *testing.T) {
	w, actions := worldToFill(t, 64)
	w.memory.next = pacing{size: 64}
	w.Refuse["create pods"] = errQuota
	if err := w.do(actions...); !errors.Is(err, errQuota) {
		t.Fatal(err)
	}
	if len(w.refused) != mostFailures || w.first != 1 || w.wrote != 64 {
		t.Errorf("%d refusals of %d writes are reported, %d of them as the first; want %d of 64, and one", len(w.refused), w.wrote, w.first, mostFailures)
	}
}

// Pods need their revision. A Service needs nothing, and its set may have pods already.
func TestWithoutARevisionNoPodIsCreatedButTheServiceIs(t *testing.T) {
	w, actions := worldToFill(t, 2)
	w.Refuse["create controllerrevisions"] = errQuota
	meta := metav1.ObjectMeta{Namespace: "default", Name: "web"}
	actions = append(actions,
		plan.Action{Verb: plan.Create, Object: &appsv1.ControllerRevision{ObjectMeta: meta}},
		plan.Action{Verb: plan.Create, Object: &corev1.Service{ObjectMeta: meta}})
	result, err := w.carryOut(actions...)
	if !errors.Is(err, errQuota) || len(result.Undone) != 3 {
		t.Errorf("err = %v, and %d of 4 are undone", err, len(result.Undone))
	}
	if !slices.Equal(w.Writes, []string{"create controllerrevisions web", "create services web"}) {
		t.Errorf("it did %q", w.Writes)
	}
}
