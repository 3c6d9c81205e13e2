package apply

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/controller/kinds"
)

// seenUpTo is a cache that has seen a version and some objects.
type seenUpTo struct {
	at      string
	objects map[string]metav1.Object
}

func (s seenUpTo) Version(kinds.Kind) string { return s.at }

func (s seenUpTo) Object(_ kinds.Kind, key types.NamespacedName) metav1.Object {
	if o, ok := s.objects[key.Name]; ok {
		return o
	}
	return nil
}

func TestAWriteIsExpectedUntilTheCacheHasItsVersion(t *testing.T) {
	var e Expectations
	e.Wrote(kinds.Pod, "100")
	e.Wrote(kinds.Pod, "99") // a slower answer of an earlier write
	for _, at := range []string{"9", "99"} {
		if e.Pending(seenUpTo{at: at}) != kinds.Pod {
			t.Errorf("satisfied at version %q", at)
		}
	}
	if k := e.Pending(seenUpTo{at: "100"}); k != "" {
		t.Errorf("still waiting for %s at version 100", k)
	}
	e.Wrote(kinds.Pod, "200")
	if k := e.Pending(seenUpTo{}); k != "" {
		t.Errorf("waiting for %s in a cache that cannot tell", k)
	}
	if k := e.Pending(seenUpTo{at: "1"}); k != "" {
		t.Error("what was seen once is waited for again")
	}
}

func TestADeletionIsExpectedUntilTheObjectIsGoingOrGone(t *testing.T) {
	pod := func(uid types.UID) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-0", UID: uid}}
	}
	going := pod("a")
	going.DeletionTimestamp = &metav1.Time{}
	for name, test := range map[string]struct {
		object  metav1.Object
		pending bool
	}{
		"still there": {pod("a"), true}, "going": {going, false}, "another of its name": {pod("b"), false},
	} {
		var e Expectations
		e.Deleted(kinds.Pod, pod("a"))
		got := e.Pending(seenUpTo{objects: map[string]metav1.Object{"web-0": test.object}})
		if (got != "") != test.pending {
			t.Errorf("%s: waiting for %q", name, got)
		}
	}
	var e Expectations
	e.Deleted(kinds.Pod, pod("a"))
	if got := e.Pending(seenUpTo{}); got != "" {
		t.Errorf("gone: waiting for %q", got)
	}
}
