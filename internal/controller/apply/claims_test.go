package apply

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/plan"
)

func (w *world) claim(t *testing.T) *corev1.PersistentVolumeClaim {
	t.Helper()
	c := claimOf(0)
	key := struct{ Namespace, Name string }{c.Namespace, c.Name}
	if err := w.API.Get(t.Context(), key, c); err != nil {
		t.Fatal(err)
	}
	return c
}

// grow is the action that asks for another size and class of a claim.
func grow(c *corev1.PersistentVolumeClaim) plan.Action {
	mark := `{"template":"abc"}`
	return plan.Action{Verb: plan.Update, Object: c, Why: "template data has changed", Change: plan.Change{
		Annotations: map[string]*string{plan.ClaimAnnotation: &mark},
		Claim:       &plan.ClaimChange{Size: ptr.To(resource.MustParse("2Gi")), Class: ptr.To("gold")},
	}}
}

func TestAClaimIsAskedForItsSizeAndClassWithItsMark(t *testing.T) {
	w := newWorld(t, web(3), claimOf(0))
	result, err := w.carryOut(grow(w.claim(t)))
	if err != nil {
		t.Fatal(err)
	}
	c := w.claim(t)
	size := c.Spec.Resources.Requests[corev1.ResourceStorage]
	if size.String() != "2Gi" || ptr.Deref(c.Spec.VolumeAttributesClassName, "") != "gold" || c.Annotations[plan.ClaimAnnotation] == "" {
		t.Errorf("size %s, class %v, annotations %v", &size, c.Spec.VolumeAttributesClassName, c.Annotations)
	}
	if left := result.Claims(nil); len(left) > 0 {
		t.Errorf("refused: %v", left)
	}
}

func TestAClaimThatIsNotAcceptedHoldsUpNothingAndIsRemembered(t *testing.T) {
	w := newWorld(t, web(3), claimOf(0), orphan(1))
	w.Refuse["patch persistentvolumeclaims"] = apierrors.NewForbidden(corev1.Resource("persistentvolumeclaims"), "data-web-0", errQuota)
	seen := w.claim(t)
	result, err := w.carryOut(grow(seen), plan.Action{Verb: plan.Delete, Object: w.Pod("web-1")})
	if err != nil || len(w.Pods()) > 0 {
		t.Errorf("err = %v, pods left %v: want the pod to be deleted and no error", err, w.PodNames())
	}
	first := result.Claims(nil)
	if r := first[seen.UID]; r.Message != errQuota.Error() || r.Template != "abc" || r.Count != 1 {
		t.Errorf("remembered %+v, want what the API server said without the claim's name", r)
	}
	w.Clock.Step(time.Minute)
	again, _ := w.carryOut(grow(seen))
	if r := again.Claims(first)[seen.UID]; r.Count != 2 || !r.At.Equal(w.Clock.Now()) {
		t.Errorf("the second time: %+v", r)
	}
	if len(w.refused) > 0 {
		t.Errorf("told of %v: the plan tells of it", w.refused)
	}
	delete(w.Refuse, "patch persistentvolumeclaims")
	accepted, _ := w.carryOut(grow(seen))
	if left := accepted.Claims(first); len(left) > 0 {
		t.Errorf("accepted, and still remembered: %v", left)
	}
}

func TestAClaimThatHasChangedIsPlannedAgain(t *testing.T) {
	w := newWorld(t, web(3), claimOf(0))
	seen := w.claim(t)
	changed := seen.DeepCopy()
	changed.Labels["new"] = "label"
	if err := w.API.Update(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	result, err := w.carryOut(grow(seen))
	if !apierrors.IsConflict(err) || len(result.Claims(nil)) > 0 {
		t.Errorf("err = %v, remembered %v; want a conflict and nothing", err, result.Claims(nil))
	}
}
