package controller

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/plan"
)

func TestASetThatIsGoneIsForgotten(t *testing.T) {
	w := newWorld(t, web(0))
	w.settle()
	if err := w.API.Delete(t.Context(), w.Set()); err != nil {
		t.Fatal(err)
	}
	if writes, _, err := w.reconcile(); err != nil || len(writes) > 0 {
		t.Errorf("wrote %v, %v", writes, err)
	}
	w.r.memories.m.Range(func(key, _ any) bool {
		t.Errorf("%v is remembered", key)
		return true
	})
}

func TestNothingIsRememberedOfAnEarlierSetOfTheName(t *testing.T) {
	w := newWorld(t, web(0))
	w.settle()
	w.r.memories.of(webKey).failures = map[int]plan.Failure{1: {Count: 4, Last: w.Clock.Now()}}
	if err := w.API.Delete(t.Context(), w.Set()); err != nil {
		t.Fatal(err)
	}
	// As the garbage collector does.
	if err := w.API.DeleteAllOf(t.Context(), &appsv1.ControllerRevision{}, client.InNamespace("default")); err != nil {
		t.Fatal(err)
	}
	again := web(0)
	again.UID = "uid-again"
	if err := w.API.Create(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if f := w.r.memories.of(webKey).failures; len(f) > 0 {
		t.Errorf("the new set inherits %v", f)
	}
}

func TestATemplateIsEncodedOnceForEachGeneration(t *testing.T) {
	m, set := &memory{}, web(3)
	first := m.templateOf(set)
	if again := m.templateOf(set.DeepCopy()); &again[0] != &first[0] {
		t.Error("the template of the same generation was encoded again")
	}
	set.Spec.Template.Spec.Containers[0].Image, set.Generation = "app:B", 2
	if next := m.templateOf(set); !strings.Contains(string(next), "app:B") {
		t.Errorf("the template of the next generation is said to be %s", next)
	}
}
