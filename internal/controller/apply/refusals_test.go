package apply

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
