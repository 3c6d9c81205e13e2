package integration

import (
	"fmt"
	"maps"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/test/world"
)

func TestDeleteInBackgroundTakesThePodsAndKeepsTheClaims(t *testing.T) {
	w := newScene(t)
	w.create(web(stubborn))
	w.Eventually(w.Ready("web", 3))
	before := world.UIDs(w.Claims())

	w.deleteSet(metav1.DeletePropagationBackground)
	w.Eventually(w.stopping("web-0", "web-1", "web-2"))
	if w.Set("web") != nil {
		t.Error("the set waits for its pods, as if it were deleted in the foreground")
	}
	w.letGo("web-0")
	w.letGo("web-1")
	w.letGo("web-2")
	w.Eventually(w.AllGone)
	w.Eventually(w.noService("peers"))
	if after := world.UIDs(w.Claims()); len(after) != 3 || !maps.Equal(before, after) {
		t.Errorf("the claims are not the same as before:\n%v\n%v", before, after)
	}
}

func TestDeleteInForegroundWaitsForThePods(t *testing.T) {
	w := newScene(t)
	w.create(web(stubborn))
	w.Eventually(w.Ready("web", 3))

	w.deleteSet(metav1.DeletePropagationForeground)
	w.Eventually(w.stopping("web-0", "web-1", "web-2"))
	if set := w.Set("web"); set == nil || set.DeletionTimestamp == nil {
		t.Error("the set did not stay until its pods are gone")
	}
	w.letGo("web-0")
	w.letGo("web-1")
	w.letGo("web-2")
	w.Eventually(w.AllGone)
	if claims := w.Claims(); len(claims) != 3 {
		t.Errorf("the claims left are %v, not three", world.Names(claims))
	}
}

func TestOrphanedPodsAreAdoptedByTheNextSet(t *testing.T) {
	w := newScene(t)
	w.create(web())
	w.Eventually(w.Ready("web", 3))
	pods, revisions := world.UIDs(w.Pods()), world.UIDs(w.Revisions())
	w.Forget()

	w.deleteSet(metav1.DeletePropagationOrphan)
	w.Eventually(func() error {
		if w.Set("web") != nil {
			return fmt.Errorf("the set is still there")
		}
		return nil
	})
	w.Eventually(w.ownedBy(""))

	w.create(web())
	w.Eventually(w.Ready("web", 3))
	w.Eventually(w.ownedBy("web"))
	if after := world.UIDs(w.Pods()); !maps.Equal(pods, after) {
		t.Errorf("the pods are not the same as before:\n%v\n%v", pods, after)
	}
	if after := world.UIDs(w.Revisions()); !maps.Equal(revisions, after) {
		t.Errorf("the revisions are not the same as before:\n%v\n%v", revisions, after)
	}
	w.NothingElseHappened()
}

func TestAPodWhoseLabelsNoLongerMatchIsReleased(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(1)))
	w.Eventually(w.Ready("web", 1))

	w.label("web-0", "app", "stray")
	w.Eventually(w.ownedBy(""))
	w.label("web-0", "app", "web")
	w.Eventually(w.ownedBy("web"))
	w.Eventually(w.Ready("web", 1))
}

func (w *scene) stopping(pods ...string) func() error {
	return func() error {
		for _, name := range pods {
			if pod := w.Pod(name); pod == nil || pod.DeletionTimestamp == nil {
				return fmt.Errorf("%s is not being deleted", name)
			}
		}
		return nil
	}
}

// ownedBy objects unless every pod is controlled by the set; "" is by none.
func (w *scene) ownedBy(set string) func() error {
	return func() error {
		for _, pod := range w.Pods() {
			owner := ""
			if ref := metav1.GetControllerOf(pod); ref != nil {
				owner = ref.Name
			}
			if owner != set {
				return fmt.Errorf("%s is owned by %q, not %q", pod.Name, owner, set)
			}
		}
		return nil
	}
}
