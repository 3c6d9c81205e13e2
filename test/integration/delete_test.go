package integration

import (
	"fmt"
	"maps"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestDeleteInBackgroundTakesThePodsAndKeepsTheClaims(t *testing.T) {
	w := newWorld(t)
	w.create(web(stubborn))
	w.eventually(w.ready("web", 3))
	before := uids(w.claims())

	w.deleteSet(metav1.DeletePropagationBackground)
	w.eventually(w.stopping("web-0", "web-1", "web-2"))
	if w.set("web") != nil {
		t.Error("the set waits for its pods, as if it were deleted in the foreground")
	}
	w.letGo("web-0")
	w.letGo("web-1")
	w.letGo("web-2")
	w.eventually(w.allGone)
	w.eventually(w.noService("peers"))
	if after := uids(w.claims()); len(after) != 3 || !maps.Equal(before, after) {
		t.Errorf("the claims are not the same as before:\n%v\n%v", before, after)
	}
}

func TestDeleteInForegroundWaitsForThePods(t *testing.T) {
	w := newWorld(t)
	w.create(web(stubborn))
	w.eventually(w.ready("web", 3))

	w.deleteSet(metav1.DeletePropagationForeground)
	w.eventually(w.stopping("web-0", "web-1", "web-2"))
	if set := w.set("web"); set == nil || set.DeletionTimestamp == nil {
		t.Error("the set did not stay until its pods are gone")
	}
	w.letGo("web-0")
	w.letGo("web-1")
	w.letGo("web-2")
	w.eventually(w.allGone)
	if claims := w.claims(); len(claims) != 3 {
		t.Errorf("the claims left are %v, not three", names(claims))
	}
}

func TestOrphanedPodsAreAdoptedByTheNextSet(t *testing.T) {
	w := newWorld(t)
	w.create(web())
	w.eventually(w.ready("web", 3))
	pods, revisions := uids(w.pods()), uids(w.revisions())
	w.forget()

	w.deleteSet(metav1.DeletePropagationOrphan)
	w.eventually(func() error {
		if w.set("web") != nil {
			return fmt.Errorf("the set is still there")
		}
		return nil
	})
	w.eventually(w.ownedBy(""))

	w.create(web())
	w.eventually(w.ready("web", 3))
	w.eventually(w.ownedBy("web"))
	if after := uids(w.pods()); !maps.Equal(pods, after) {
		t.Errorf("the pods are not the same as before:\n%v\n%v", pods, after)
	}
	if after := uids(w.revisions()); !maps.Equal(revisions, after) {
		t.Errorf("the revisions are not the same as before:\n%v\n%v", revisions, after)
	}
	w.nothingElseHappened()
}

func TestAPodWhoseLabelsNoLongerMatchIsReleased(t *testing.T) {
	w := newWorld(t)
	w.create(web(replicas(1)))
	w.eventually(w.ready("web", 1))

	w.label("web-0", "app", "stray")
	w.eventually(w.ownedBy(""))
	w.label("web-0", "app", "web")
	w.eventually(w.ownedBy("web"))
	w.eventually(w.ready("web", 1))
}

func (w *world) stopping(pods ...string) func() error {
	return func() error {
		for _, name := range pods {
			if pod := w.pod(name); pod == nil || pod.DeletionTimestamp == nil {
				return fmt.Errorf("%s is not being deleted", name)
			}
		}
		return nil
	}
}

// ownedBy objects unless every pod is controlled by the set; "" is by none.
func (w *world) ownedBy(set string) func() error {
	return func() error {
		for _, pod := range w.pods() {
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
