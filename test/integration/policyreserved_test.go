package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/test/world"
)

// These tests are about ordinals that a set does without.

func TestAReservedPodGoesWhenAnotherHasTakenItsPlace(t *testing.T) {
	w := newScene(t)
	w.create(web(whenScaledDelete))
	policy := w.ruled(`scaling: {}`)
	w.Eventually(w.Ready("web", 3))
	w.Forget()

	w.rule(policy, `{"spec":{"scaling":{"reservedOrdinals":["1"]}}}`)
	w.Happens("web-3 created", "web-3 ready", "web-1 stopping", "web-1 gone")
	w.Eventually(w.ordinals(0, 2, 3))
	w.Eventually(w.Ready("web", 3))
	w.Eventually(w.claims("data-web-0", "data-web-2", "data-web-3"))

	t.Log("scaling passes over it, and a roll-out goes through what there is")
	w.scale(4)
	w.Happens("web-4 created", "web-4 ready")
	w.scale(2)
	w.Happens("web-4 stopping", "web-4 gone", "web-3 stopping", "web-3 gone")
	w.change(image("web:2"))
	w.Happens("web-2 stopping", "web-2 gone", "web-2 created", "web-2 ready", "web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready")
	w.Eventually(w.Ready("web", 2))

	t.Log("free again, it comes back, and the highest goes")
	w.rule(policy, `{"spec":{"scaling":{"reservedOrdinals":[]}}}`)
	w.Happens("web-1 created", "web-1 ready", "web-2 stopping", "web-2 gone")
	w.Eventually(w.ordinals(0, 1))
	w.Eventually(w.claims("data-web-0", "data-web-1"))
	w.NothingElseHappened()
}

func TestReservedInParallelOnlySoManyGoAtOnce(t *testing.T) {
	w := newScene(t)
	w.create(web(parallel, replicas(4)))
	policy := w.ruled(`scaling: {}`)
	w.Eventually(w.Ready("web", 4))
	w.Forget()
	w.rule(policy, `{"spec":{"scaling":{"reservedOrdinals":["0-2"]}}}`)
	w.Eventually(w.ordinals(3, 4, 5, 6))
	w.Eventually(w.Ready("web", 4))
	ready := 4
	for _, what := range w.Happened() {
		switch {
		case strings.HasSuffix(what, " ready"):
			ready++
		case strings.HasSuffix(what, " stopping"):
			ready--
		}
		if ready < 3 {
			t.Fatalf("for a moment %d pods were ready, and maxUnavailable is 1: %v", ready, w.Happened())
		}
	}
}

// whenScaledDelete has claims go with pods that are not wanted any more.
func whenScaledDelete(s *appsv1.StatefulSet) {
	s.Spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
		WhenScaled: remove, WhenDeleted: retain,
	}
}

// ordinals objects until the pods of web are those of these ordinals.
func (w *scene) ordinals(want ...int) func() error {
	return func() error {
		var names []string
		for _, ordinal := range want {
			names = append(names, identity.PodName("web", ordinal))
		}
		if got := world.Names(w.Pods()); !slices.Equal(got, names) {
			return fmt.Errorf("there are pods %v, want %v", got, names)
		}
		return nil
	}
}

// claims objects until there are these claims.
func (w *scene) claims(want ...string) func() error {
	return func() error {
		if got := world.Names(w.Claims()); !slices.Equal(got, want) {
			return fmt.Errorf("there are claims %v, want %v", got, want)
		}
		return nil
	}
}
