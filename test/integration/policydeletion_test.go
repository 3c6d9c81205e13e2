package integration

import (
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/test/world"
)

// These tests are about sets whose pods are deleted in order. The garbage collector that would
// be faster is upstream's.

func TestADeletedSetTakesItsPodsDownInOrder(t *testing.T) {
	w := newScene(t)
	w.create(web(parallel, whenDeletedDelete, stubborn))
	policy := w.ruled(`deletion: {order: Reverse}`)
	w.Eventually(w.Ready("web", 3))
	w.Eventually(w.finalized(true))
	w.Forget()

	w.deleteSet(metav1.DeletePropagationBackground)
	w.Happens("web-2 stopping")
	t.Log("the policy goes along with it")
	w.Must(w.policies().Delete(w.Ctx, policy, metav1.DeleteOptions{}))
	w.letGo("web-2")
	w.Happens("web-2 gone", "web-1 stopping")
	w.letGo("web-1")
	w.Happens("web-1 gone", "web-0 stopping")
	if claims := w.Claims(); len(claims) != 3 || w.Set("web") == nil {
		t.Errorf("before the last pod is gone there are the claims %v, and the set %v", world.Names(claims), w.Set("web"))
	}
	w.letGo("web-0")
	w.Happens("web-0 gone")
	w.Eventually(w.noSet)
	w.Eventually(w.claimCount(0))
	w.Eventually(w.noService("peers"))
	w.NothingElseHappened()
}

func TestASetWithAnOrderIsOrphanedAllTheSame(t *testing.T) {
	w := newScene(t)
	w.create(web())
	w.ruled(`deletion: {order: Reverse}`)
	w.Eventually(w.Ready("web", 3))
	w.Eventually(w.finalized(true))
	before := world.UIDs(w.Pods())
	w.Forget()

	w.deleteSet(metav1.DeletePropagationOrphan)
	w.Eventually(w.noSet)
	w.Eventually(w.ownedBy(""))
	w.NothingElseHappened()
	w.create(web())
	w.Eventually(w.ownedBy("web"))
	w.Eventually(w.Ready("web", 3))
	if after := world.UIDs(w.Pods()); len(after) != 3 || after["web-2"] != before["web-2"] {
		t.Errorf("the pods are not the same as before:\n%v\n%v", before, after)
	}
}

func TestInTheForegroundAllPodsGoAtOnce(t *testing.T) {
	w := newScene(t)
	w.create(web(stubborn))
	w.ruled(`deletion: {order: Reverse}`)
	w.Eventually(w.Ready("web", 3))
	w.Eventually(w.finalized(true))
	w.deleteSet(metav1.DeletePropagationForeground)
	w.Eventually(w.stopping("web-0", "web-1", "web-2"))
	for _, pod := range []string{"web-0", "web-1", "web-2"} {
		w.letGo(pod)
	}
	w.Eventually(w.noSet)
}

func TestASetWhosePolicyIsGoneKeepsNoOrder(t *testing.T) {
	w := newScene(t)
	w.create(web(stubborn))
	policy := w.ruled(`deletion: {order: Reverse}`)
	w.Eventually(w.Ready("web", 3))
	w.Eventually(w.finalized(true))
	w.Must(w.policies().Delete(w.Ctx, policy, metav1.DeleteOptions{}))
	w.Eventually(w.finalized(false))
	w.deleteSet(metav1.DeletePropagationBackground)
	w.Eventually(w.stopping("web-0", "web-1", "web-2"))
	if w.Set("web") != nil {
		t.Error("the set is still there")
	}
}

func TestADeletedNamespaceIsNotKeptByAnOrder(t *testing.T) {
	w := newScene(t)
	w.create(web(stubborn))
	w.ruled(`deletion: {order: Reverse}`)
	w.Eventually(w.Ready("web", 3))
	w.Eventually(w.finalized(true))
	w.Must(w.Client.CoreV1().Namespaces().Delete(w.Ctx, w.Namespace, metav1.DeleteOptions{}))
	w.Eventually(w.stopping("web-0", "web-1", "web-2"))
	for _, pod := range []string{"web-0", "web-1", "web-2"} {
		w.letGo(pod)
	}
	w.Eventually(w.noSet)
}

func whenDeletedDelete(s *appsv1.StatefulSet) {
	s.Spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenScaled: retain, WhenDeleted: remove}
}

// finalized objects until the set has the finalizer, or has not.
func (w *scene) finalized(want bool) func() error {
	return func() error {
		if has := slices.Contains(w.Set("web").Finalizers, plan.DeletionFinalizer); has != want {
			return fmt.Errorf("that the set has the finalizer is %t", has)
		}
		return nil
	}
}

func (w *scene) noSet() error {
	if w.Set("web") != nil {
		return fmt.Errorf("the set is still there")
	}
	return nil
}
