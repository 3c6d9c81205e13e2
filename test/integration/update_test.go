package integration

import (
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/cluster/simnode"
	"ordinal.dev/ordinal/test/world"
)

func TestRollingUpdateGoesInReverseOneReadyPodAtATime(t *testing.T) {
	w := newScene(t)
	w.create(web())
	w.Eventually(w.Ready("web", 3))
	w.Forget()

	w.change(image("web:2"))
	w.Happens(
		"web-2 stopping", "web-2 gone", "web-2 created", "web-2 ready",
		"web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready",
		"web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready",
	)
	w.Eventually(w.Ready("web", 3))
	w.Eventually(w.images("web:2", "web:2", "web:2"))
	w.NothingElseHappened()
}

func TestPartitionHoldsBackLowerOrdinals(t *testing.T) {
	w := newScene(t)
	w.create(web(partition(2)))
	w.Eventually(w.Ready("web", 3))
	w.Forget()

	w.change(image("web:2"))
	w.Happens("web-2 stopping", "web-2 gone", "web-2 created", "web-2 ready")
	w.Eventually(w.images("web:1", "web:1", "web:2"))

	t.Log("a pod below the partition comes back as it was")
	w.deletePod("web-0")
	w.Happens("web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready")
	w.Eventually(w.images("web:1", "web:1", "web:2"))

	w.change(partition(0))
	w.Happens("web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready",
		"web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready")
	w.Eventually(w.Ready("web", 3))
	w.NothingElseHappened()
}

// kubernetes#121534: stock Kubernetes takes the update for complete, and brings
// all pods up at it.
func TestThePartitionHoldsThroughZeroReplicas(t *testing.T) {
	w := newScene(t)
	w.create(web(partition(2)))
	w.Eventually(w.Ready("web", 3))
	w.change(image("web:2"))
	w.Eventually(w.images("web:1", "web:1", "web:2"))
	w.scale(0)
	w.Eventually(w.images())
	w.Eventually(w.counts(appsv1.StatefulSetStatus{}))
	w.scale(3)
	w.Eventually(w.images("web:1", "web:1", "web:2"))
}

func TestMinReadySecondsDelaysTheUpdateToo(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2)))
	w.Eventually(w.Ready("web", 2))
	w.change(image("web:2"), func(s *appsv1.StatefulSet) { s.Spec.MinReadySeconds = 3 })
	w.Eventually(w.images("web:2", "web:2"))
	w.Eventually(w.Ready("web", 2))
	if gap := w.Pod("web-0").CreationTimestamp.Sub(w.Pod("web-1").CreationTimestamp.Time); gap.Seconds() < 3 {
		t.Errorf("web-0 was replaced %s after web-1, before that could be available", gap)
	}
}

func TestOnDeleteUpdatesAPodWhenAPersonDeletesIt(t *testing.T) {
	w := newScene(t)
	w.create(web(func(s *appsv1.StatefulSet) {
		s.Spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType}
	}))
	w.Eventually(w.Ready("web", 3))
	w.Forget()

	w.change(image("web:2"))
	w.Eventually(w.revisionCount(2))
	w.deletePod("web-1")
	w.Happens("web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready")
	w.Eventually(w.images("web:1", "web:2", "web:1"))
	w.NothingElseHappened()
}

// kubernetes#67250: stock Kubernetes waits for the broken pod for ever.
func TestABadRevisionHealsWhenAGoodOneIsApplied(t *testing.T) {
	for _, trouble := range []string{simnode.StateImagePullBackOff, simnode.StateCrashLoop} {
		t.Run(trouble, func(t *testing.T) {
			w := newScene(t)
			w.create(web())
			w.Eventually(w.Ready("web", 3))
			w.Forget()

			w.change(image("web:bad"), simulated(trouble))
			w.Happens("web-2 stopping", "web-2 gone", "web-2 created")
			w.Eventually(w.waitingIn("web-2"))

			w.change(image("web:3"), simulated(simnode.StateReady))
			w.Happens(
				"web-2 stopping", "web-2 gone", "web-2 created", "web-2 ready",
				"web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready",
				"web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready",
			)
			w.Eventually(w.Ready("web", 3))
			w.NothingElseHappened()
		})
	}
}

func TestARunningPodThatIsNotReadyIsNotTakenOutOfOrder(t *testing.T) {
	w := newScene(t)
	w.create(web())
	w.Eventually(w.Ready("web", 3))
	w.Forget()

	w.simulate("web-1", simnode.StateNotReady)
	w.Happens("web-1 unready")
	w.change(image("web:2"))
	w.Eventually(w.revisionCount(2))
	w.simulate("web-1", simnode.StateReady)
	w.Happens("web-1 ready",
		"web-2 stopping", "web-2 gone", "web-2 created", "web-2 ready",
		"web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready",
		"web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready")
	w.NothingElseHappened()
}

func TestApplyingAnOldTemplateReusesItsRevision(t *testing.T) {
	w := newScene(t)
	w.create(web())
	w.Eventually(w.Ready("web", 3))
	first := w.Set("web").Status.CurrentRevision

	w.change(image("web:2"))
	w.Eventually(w.Ready("web", 3))
	w.change(image("web:1"))
	w.Eventually(w.images("web:1", "web:1", "web:1"))
	w.Eventually(w.Ready("web", 3))

	if got := w.Set("web").Status.CurrentRevision; got != first {
		t.Errorf("the template of %s is now called %s", first, got)
	}
	if revisions := w.Revisions(); len(revisions) != 2 || revisions[1].Name != first || revisions[1].Revision != 3 {
		t.Errorf("the history is not two revisions, the first re-numbered to 3: %v", world.Names(revisions))
	}
}

func TestHistoryIsCutAtItsLimit(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(1), func(s *appsv1.StatefulSet) { s.Spec.RevisionHistoryLimit = ptr.To[int32](1) }))
	for i := range 4 {
		w.change(image(fmt.Sprintf("web:%d", i+1)))
		w.Eventually(w.images(fmt.Sprintf("web:%d", i+1)))
		w.Eventually(w.Ready("web", 1))
	}
	w.Eventually(w.revisionCount(2)) // the one in use, and one to go back to
}

func partition(n int32) edit {
	return func(s *appsv1.StatefulSet) {
		s.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{Partition: &n}
		s.Spec.UpdateStrategy.Type = appsv1.RollingUpdateStatefulSetStrategyType
	}
}

func startingAt(ordinal int32) edit {
	return func(s *appsv1.StatefulSet) { s.Spec.Ordinals = &appsv1.StatefulSetOrdinals{Start: ordinal} }
}

// images objects unless the pods, by name, run exactly these.
func (w *scene) images(want ...string) func() error {
	return func() error {
		var got []string
		for _, pod := range w.Pods() {
			got = append(got, pod.Spec.Containers[0].Image)
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("the pods run %v, not %v", got, want)
		}
		return nil
	}
}

// runs objects unless one pod runs this image and is ready.
func (w *scene) runs(name, image string) func() error {
	return func() error {
		if pod := w.Pod(name); pod == nil || pod.Spec.Containers[0].Image != image || !world.IsReady(pod) {
			return fmt.Errorf("%s does not run %s yet", name, image)
		}
		return nil
	}
}

func (w *scene) revisionCount(n int) func() error {
	return func() error {
		if got := world.Names(w.Revisions()); len(got) != n {
			return fmt.Errorf("there are %d revisions, not %d: %v", len(got), n, got)
		}
		return nil
	}
}

// waitingIn objects until the pod's container waits for something.
func (w *scene) waitingIn(pod string) func() error {
	return func() error {
		p := w.Pod(pod)
		if p == nil || len(p.Status.ContainerStatuses) == 0 || p.Status.ContainerStatuses[0].State.Waiting == nil ||
			p.Status.ContainerStatuses[0].State.Waiting.Reason == "ContainerCreating" {
			return fmt.Errorf("%s is not in trouble yet", pod)
		}
		return nil
	}
}
