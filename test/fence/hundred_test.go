package fence

import (
	"errors"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/test/world"
)

// many is how many sets there are at a time, each with three replicas.
const many = 100

// TestAHundredSets has Ordinal take a hundred sets through their life with the in-tree
// controller beside, which tries to all the time.
func TestAHundredSets(t *testing.T) {
	s := newStage(t, "--statefulset-controller", "in-tree")
	s.ordinal()
	namespace := s.anyNamespace()
	s.take(namespace)
	a := &act{world.In(s.T, s.admin, namespace), s}
	a.untilActing()
	s.written() // is of what was before
	sets := s.admin.AppsV1().StatefulSets(namespace)
	for i, step := range []struct {
		name     string
		replicas int
		do       func(name string) error
	}{
		{"create", 3, func(name string) error {
			set := setOf(namespace, name)
			set.Spec.Replicas = new(int32(3))
			_, err := sets.Create(t.Context(), set, metav1.CreateOptions{})
			return err
		}},
		{"update", 3, patching(s, namespace, `{"spec":{"template":{"metadata":{"annotations":{"to":"2"}}}}}`)},
		{"scale up", 5, patching(s, namespace, `{"spec":{"replicas":5}}`)},
		{"scale down", 1, patching(s, namespace, `{"spec":{"replicas":1}}`)},
		{"delete", 0, func(name string) error { return sets.Delete(t.Context(), name, metav1.DeleteOptions{}) }},
	} {
		for n := range many {
			s.must(step.do(fmt.Sprintf("set-%d", n)))
		}
		a.Eventually(func() error { return a.allAre(int64(i+1), step.replicas) })
		writes := s.written()
		stored, refused := ofInTree(writes, namespace)
		if len(stored) > 0 {
			t.Errorf("%s: behind the fence the in-tree controller did this: %v", step.name, stored)
		}
		if refused == 0 && step.replicas > 0 {
			t.Errorf("%s: the in-tree controller has tried nothing", step.name)
		}
		t.Logf("%s: %d writes of the in-tree controller were refused", step.name, refused)
	}
}

func patching(s *stage, namespace, patch string) func(name string) error {
	return func(name string) error {
		_, err := s.admin.AppsV1().StatefulSets(namespace).Patch(s.Context(), name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
		return err
	}
}

// allAre objects unless all sets have that generation, and are complete with so many
// replicas; with none, gone with their pods.
func (a *act) allAre(generation int64, replicas int) error {
	if replicas == 0 {
		if n := len(a.Pods()); n > 0 {
			return fmt.Errorf("%d pods are left", n)
		}
		return nil
	}
	var errs []error
	for i := range many {
		set := a.Set(fmt.Sprintf("set-%d", i))
		if set == nil || set.Generation != generation {
			return errors.New("the watch is behind")
		}
		errs = append(errs, complete(set))
	}
	return errors.Join(errs...)
}
