package controller

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// Daemon sets and operators keep revisions too, and change them at their own pace.
func TestRevisionsOfOtherOwnersConcernNoSet(t *testing.T) {
	w := newWorld(t)
	v := NewEngine(Surroundings{Client: w.api, Fresh: w.api, Recorder: w, Clock: w.clock}).view
	if err := v.stores[kindSet].Add(web(1)); err != nil {
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
		if err := v.stores[kindRevision].Replace([]any{r}, "1"); err != nil {
			t.Fatal(err)
		}
		listed, err := v.revisions(t.Context(), webKey)
		if err != nil || len(listed) != test.concerns || len(v.concerns(t.Context(), r)) != test.concerns {
			t.Errorf("%s: concerns %d sets and is one of %d revisions, want %d (err %v)", name, len(v.concerns(t.Context(), r)), len(listed), test.concerns, err)
		}
	}
}

// A revision is the set's by its owner. Labels are edited in bulk: if that hid them, each
// pod would be replaced by one of a revision with another name.
func TestARevisionWithoutItsLabelsIsStillTheSets(t *testing.T) {
	w := newWorld(t, web(2))
	w.settle()
	var revisions appsv1.ControllerRevisionList
	if err := w.api.List(t.Context(), &revisions); err != nil || len(revisions.Items) != 1 {
		t.Fatalf("revisions %v, %v", revisions.Items, err)
	}
	r := &revisions.Items[0]
	r.Labels = nil
	if err := w.api.Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if writes := w.settle(); slices.ContainsFunc(writes, func(write string) bool { return write != "status statefulsets web" }) {
		t.Errorf("wrote %v, want nothing done", writes)
	}
}
