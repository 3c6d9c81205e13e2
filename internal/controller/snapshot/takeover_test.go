package snapshot

import (
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/controller/controllertest"
	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/revision"
)

// A roll-out that was paused before a controller took over would go on otherwise.
func TestPoliciesAreWaitedForThatWereThereAtTheTakeover(t *testing.T) {
	is := &v1alpha1.StatefulSetPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "1", ResourceVersion: "20"}}
	is.Spec.TargetRef.Name = "web"
	others := is.DeepCopy()
	others.Name, others.UID, others.Spec.TargetRef.Name = "db", "2", "db"
	was := is.DeepCopy()
	was.ResourceVersion = "10"
	gone := was.DeepCopy()
	gone.Name, gone.UID = "gone", "3"
	later := is.DeepCopy()
	later.Name, later.UID, later.ResourceVersion = "later", "4", "40"
	for name, c := range map[string]struct {
		seen   string
		shown  []*v1alpha1.StatefulSetPolicy
		expect []string
	}{
		"the cache is behind":             {"19", []*v1alpha1.StatefulSetPolicy{was}, []string{"wrote statefulsetpolicies 20"}},
		"the cache is as new":             {"20", []*v1alpha1.StatefulSetPolicy{is}, nil},
		"it has been deleted since":       {"30", nil, nil},
		"one was deleted before":          {"20", []*v1alpha1.StatefulSetPolicy{is, gone}, []string{"gone statefulsetpolicies gone"}},
		"it was not in the snapshot yet":  {"20", []*v1alpha1.StatefulSetPolicy{was}, []string{"wrote statefulsetpolicies 20"}},
		"one was made since":              {"40", []*v1alpha1.StatefulSetPolicy{is, later}, nil},
		"the cache cannot tell its state": {"", []*v1alpha1.StatefulSetPolicy{was}, nil},
	} {
		checker := NewChecker(nil, version(c.seen))
		checker.tookOver.Store(&takeover{version: "25", policies: v1alpha1.StatefulSetPolicyList{
			ListMeta: metav1.ListMeta{ResourceVersion: "25"}, Items: []v1alpha1.StatefulSetPolicy{*others, *is},
		}})
		var got expected
		shown, err := checker.policiesShown(t.Context(), plan.Snapshot{Set: web(3), Policies: c.shown}, &got)
		if err != nil || shown != (len(c.expect) == 0) || !slices.Equal(got, c.expect) {
			t.Errorf("%s: shown %t, %v, and %v is expected, not %v", name, shown, err, got, c.expect)
		}
	}
}

// What has failed is said by an annotation, which the predecessor may have written last.
func TestTheUpdatesAnnotationsAreWaitedForWithAPolicy(t *testing.T) {
	set := web(3)
	r, err := revision.New(set, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.OwnerReferences[0].UID = set.UID
	set.Status.UpdateRevision = r.Name
	was := r.DeepCopy()
	was.ResourceVersion = "1"
	w := controllertest.New(t, set, r)
	for policies, want := range [][]string{nil, {"wrote controllerrevisions 999"}} {
		s := plan.Snapshot{Set: set, Revisions: []*appsv1.ControllerRevision{was}, Policies: make([]*v1alpha1.StatefulSetPolicy, policies)}
		var got expected
		shown, err := NewChecker(w.API, nil).readRevisions(t.Context(), s, set, &got)
		if err != nil || shown != (policies == 0) || !slices.Equal(got, want) {
			t.Errorf("with %d policies: shown %t, %v, and %v is expected, not %v", policies, shown, err, got, want)
		}
	}
}

// version is that of the caches of all kinds.
type version string

func (v version) Version(kinds.Kind) string                           { return string(v) }
func (version) Object(kinds.Kind, types.NamespacedName) metav1.Object { return nil }

// expected are expectations in words.
type expected []string

func (e *expected) Wrote(k kinds.Kind, version string) {
	*e = append(*e, fmt.Sprintf("wrote %s %s", k, version))
}

func (e *expected) Gone(k kinds.Kind, object metav1.Object) {
	*e = append(*e, fmt.Sprintf("gone %s %s", k, object.GetName()))
}
