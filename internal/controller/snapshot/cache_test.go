package snapshot

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/controller/kinds"
)

// Daemon sets and operators keep revisions too, and change them at their own pace.
func TestRevisionsOfOtherOwnersConcernNoSet(t *testing.T) {
	c := NewEmptyCache()
	if err := c.stores[kinds.Set].Add(web(1)); err != nil {
		t.Fatal(err)
	}
	owner := func(version, kind, name string) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: version, Kind: kind, Name: name, UID: types.UID(name), Controller: ptr.To(true)}}
	}
	for name, test := range map[string]struct {
		owners   []metav1.OwnerReference
		concerns int
	}{
		"its own":            {owner("apps/v1", "StatefulSet", "web"), 1},
		"nobody's":           {nil, 1},
		"a daemon set's":     {owner("apps/v1", "DaemonSet", "web"), 0},
		"another operator's": {owner("kubevirt.io/v1", "VirtualMachine", "web"), 0},
	} {
		r := &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Name: "web-1", Namespace: "default", OwnerReferences: test.owners}}
		if err := c.stores[kinds.Revision].Replace([]any{r}, "1"); err != nil {
			t.Fatal(err)
		}
		listed, err := c.Revisions(t.Context(), webKey)
		if err != nil || len(listed) != test.concerns || len(c.SetsOf(t.Context(), r)) != test.concerns {
			t.Errorf("%s: concerns %d sets and is one of %d revisions, want %d (err %v)", name, len(c.SetsOf(t.Context(), r)), len(listed), test.concerns, err)
		}
	}
}
