package snapshot

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/controller/controllertest"
	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/revision"
)

// Its name may be in the status, since the set's own gets the same, but the caches will
// never show it as the set's.
func TestARevisionThatIsNotTheSetsIsNotWaitedFor(t *testing.T) {
	for whose, uid := range map[string]types.UID{"the set's": "uid-web", "an earlier set's": "uid-earlier"} {
		set := web(3)
		r, err := revision.New(set, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		r.OwnerReferences[0].UID = uid
		set.Status.UpdateRevision = r.Name
		w := controllertest.New(t, set, r)
		current, err := NewChecker(w.API, nil).readRevisions(t.Context(), plan.Snapshot{Set: set}, set, ignored{})
		if err != nil || current != (uid != set.UID) {
			t.Errorf("the caches do not show the revision, which is %s: they are current: %t, %v", whose, current, err)
		}
	}
}

// ignored are expectations that nobody waits for.
type ignored struct{}

func (ignored) Wrote(kinds.Kind, string)       {}
func (ignored) Gone(kinds.Kind, metav1.Object) {}
