package integration

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"ordinal.dev/ordinal/internal/cluster/simnode"
	"ordinal.dev/ordinal/test/world"
)

func TestStatusCountsWhatIsThere(t *testing.T) {
	w := newScene(t)
	w.create(web(parallel, simulated(simnode.StateNotReady)))
	w.Eventually(w.counts(appsv1.StatefulSetStatus{Replicas: 3, CurrentReplicas: 3, UpdatedReplicas: 3}))
	w.simulate("web-1", simnode.StateReady)
	w.Eventually(w.counts(appsv1.StatefulSetStatus{Replicas: 3, CurrentReplicas: 3, UpdatedReplicas: 3, ReadyReplicas: 1, AvailableReplicas: 1}))
}

func TestStatusOfAnUpdateUnderWay(t *testing.T) {
	w := newScene(t)
	w.create(web(partition(1)))
	w.Eventually(w.Ready("web", 3))
	first := w.Set("web").Status.CurrentRevision

	w.change(image("web:2"))
	w.Eventually(w.images("web:1", "web:2", "web:2"))
	w.Eventually(w.counts(appsv1.StatefulSetStatus{
		Replicas: 3, ReadyReplicas: 3, AvailableReplicas: 3, CurrentReplicas: 1, UpdatedReplicas: 2,
	}))
	if s := w.Set("web").Status; s.CurrentRevision != first || s.UpdateRevision == first {
		t.Errorf("the revisions are not told apart: current %s, update %s, at first %s", s.CurrentRevision, s.UpdateRevision, first)
	}

	w.change(partition(0))
	w.Eventually(w.Ready("web", 3)) // which has the update promoted to current
}

func TestMinReadySecondsDelaysAvailability(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2), func(s *appsv1.StatefulSet) { s.Spec.MinReadySeconds = 2 }))
	w.Happens("web-0 created", "web-0 ready")
	w.Eventually(w.counts(appsv1.StatefulSetStatus{Replicas: 1, ReadyReplicas: 1, CurrentReplicas: 1, UpdatedReplicas: 1}))
	w.Happens("web-1 created", "web-1 ready")
	w.Eventually(w.Ready("web", 2))
	if gap := w.Pod("web-1").CreationTimestamp.Sub(w.Pod("web-0").CreationTimestamp.Time); gap.Seconds() < 2 {
		t.Errorf("web-1 was created %s after web-0, before it could be available", gap)
	}
}

// counts objects unless the status has these numbers for the latest spec.
func (w *scene) counts(want appsv1.StatefulSetStatus) func() error {
	return func() error {
		set := w.Set("web")
		if set == nil {
			return fmt.Errorf("there is no StatefulSet web")
		}
		got := set.Status
		want.ObservedGeneration = set.Generation
		want.CurrentRevision, want.UpdateRevision = got.CurrentRevision, got.UpdateRevision
		if world.Summary(got) != world.Summary(want) {
			return fmt.Errorf("the status is\n\t%s\nand not\n\t%s", world.Summary(got), world.Summary(want))
		}
		return nil
	}
}
