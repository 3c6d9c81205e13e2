package controller

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/plan"
)

// worldThatGrows is a set of one pod that is ready, whose policy asks for a larger claim.
func worldThatGrows(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, web(1))
	w.settle()
	w.changeClaim(func(c *corev1.PersistentVolumeClaim) {
		c.Spec.Resources.Requests = storage("1Gi")
		c.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound, Capacity: storage("1Gi")}
	})
	policy := policyOf(v1alpha1.Rollout{})
	policy.Spec.Claims = &v1alpha1.Claims{Templates: []v1alpha1.ClaimTemplate{{Name: "data", Size: ptr.To(resource.MustParse("2Gi"))}}}
	if err := w.API.Create(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	return w
}

func storage(amount string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(amount)}
}

func (w *world) claim() *corev1.PersistentVolumeClaim {
	w.T.Helper()
	c := &corev1.PersistentVolumeClaim{}
	if err := w.API.Get(w.T.Context(), client.ObjectKey{Namespace: "default", Name: "data-web-0"}, c); err != nil {
		w.T.Fatal(err)
	}
	return c
}

func (w *world) changeClaim(change func(*corev1.PersistentVolumeClaim)) {
	w.T.Helper()
	for _, write := range []func(*corev1.PersistentVolumeClaim) error{
		func(c *corev1.PersistentVolumeClaim) error { return w.API.Update(w.T.Context(), c) },
		func(c *corev1.PersistentVolumeClaim) error { return w.API.Status().Update(w.T.Context(), c) },
	} {
		c := w.claim()
		change(c)
		if err := write(c); err != nil {
			w.T.Fatal(err)
		}
	}
}

// passes lets the time go by, and returns which of these writes are made meanwhile.
func (w *world) passes(d time.Duration, these string) (made []string) {
	w.T.Helper()
	for range int(d / (10 * time.Second)) {
		w.Clock.Step(10 * time.Second)
		writes, _, err := w.reconcile()
		if err != nil {
			w.T.Fatal(err)
		}
		made = slices.Concat(made, slices.DeleteFunc(slices.Clone(writes), func(write string) bool { return write != these }))
	}
	return made
}

func TestAPodIsMadeAnewOnceForItsFileSystem(t *testing.T) {
	w := worldThatGrows(t)
	w.settle()
	if size := w.claim().Spec.Resources.Requests[corev1.ResourceStorage]; size.String() != "2Gi" {
		t.Fatalf("the claim is to have %s", &size)
	}
	w.changeClaim(func(c *corev1.PersistentVolumeClaim) {
		c.Status.Conditions = []corev1.PersistentVolumeClaimCondition{{
			Type: corev1.PersistentVolumeClaimFileSystemResizePending, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(w.Clock.Now()),
		}}
	})
	if early := w.passes(110*time.Second, "delete pods web-0"); len(early) > 0 {
		t.Errorf("its node has two minutes, and %v", early)
	}
	if made := w.passes(20*time.Second, "delete pods web-0"); len(made) != 1 {
		t.Errorf("the pod was deleted %d times, want once", len(made))
	}
	pod := w.Pod("web-0") // the next one, which is as old as it is
	pod.CreationTimestamp = metav1.NewTime(w.Clock.Now())
	if err := w.API.Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if again := w.passes(10*time.Minute, "delete pods web-0"); len(again) > 0 {
		t.Errorf("it did not help, and is done again: %v", again)
	}
}

func TestWhatIsRefusedOfAClaimIsTriedEverMoreSeldom(t *testing.T) {
	w := worldThatGrows(t)
	w.Refuse["patch persistentvolumeclaims"] = apierrors.NewForbidden(corev1.Resource("persistentvolumeclaims"), "data-web-0", errQuota)
	if tries := w.passes(16*time.Minute, "patch persistentvolumeclaims data-web-0"); len(tries) != 5 { // at 0, 1, 3, 7 and 15 minutes
		t.Errorf("tried %d times in 16 minutes, want 5", len(tries))
	}
	words := ""
	for _, c := range w.Set().Status.Conditions {
		if c.Type == plan.ConditionClaims {
			words = c.Reason + " " + c.Message
		}
	}
	if !strings.Contains(words, "ClaimCannotChange data-web-0 cannot have 2Gi: exceeded quota") {
		t.Errorf("the condition says %q", words)
	}
	delete(w.Refuse, "patch persistentvolumeclaims")
	w.passes(30*time.Minute, "")
	if size := w.claim().Spec.Resources.Requests[corev1.ResourceStorage]; size.String() != "2Gi" {
		t.Errorf("accepted at last, and the claim is to have %s", &size)
	}
}
