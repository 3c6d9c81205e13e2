package integration

import (
	"fmt"
	"maps"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/test/world"
)

const inPlace = `rollout: {inPlace: {mode: IfPossible}}`

func TestAnImageIsChangedInPlaceOneReadyPodAtATime(t *testing.T) {
	w := newScene(t)
	w.create(web())
	w.ruled(inPlace)
	w.Eventually(w.Ready("web", 3))
	before, ran := world.UIDs(w.Pods()), w.containers()
	w.Forget()

	w.change(image("web:2"))
	w.Happens("web-2 unready", "web-2 ready", "web-1 unready", "web-1 ready", "web-0 unready", "web-0 ready")
	w.Eventually(w.images("web:2", "web:2", "web:2"))
	w.Eventually(w.Ready("web", 3))
	w.samePods(before)
	for pod, id := range w.containers() {
		if id == ran[pod] {
			t.Errorf("the container of %s is not another", pod)
		}
	}
	w.NothingElseHappened()
}

func TestARollbackIsDoneInPlace(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2)))
	w.ruled(inPlace)
	w.Eventually(w.Ready("web", 2))
	before, first := world.UIDs(w.Pods()), w.Set("web").Status.CurrentRevision
	w.change(image("web:2"))
	w.Eventually(w.images("web:2", "web:2"))
	w.Eventually(w.Ready("web", 2))
	w.Forget()

	w.undo()
	w.Happens("web-1 unready", "web-1 ready", "web-0 unready", "web-0 ready")
	w.Eventually(w.images("web:1", "web:1"))
	w.Eventually(w.Ready("web", 2))
	w.samePods(before)
	if got := w.Set("web").Status.CurrentRevision; got != first {
		t.Errorf("the set is at %s, and was at %s before", got, first)
	}
	w.NothingElseHappened()
}

func TestLabelsAreChangedInPlaceWithoutARestart(t *testing.T) {
	w := newScene(t)
	w.create(web())
	w.ruled(inPlace)
	w.Eventually(w.Ready("web", 3))
	_, err := w.Client.CoreV1().Pods(w.Namespace).Patch(w.Ctx, "web-1", types.MergePatchType, []byte(`{"metadata":{"annotations":{"theirs":"x"}}}`), metav1.PatchOptions{})
	w.Must(err)
	before, ran := world.UIDs(w.Pods()), w.containers()
	w.Forget()

	w.change(func(s *appsv1.StatefulSet) { s.Spec.Template.Labels["tier"] = "gold" })
	w.Eventually(w.Ready("web", 3))
	for _, pod := range w.Pods() {
		if pod.Labels["tier"] != "gold" {
			t.Errorf("%s has the labels %v", pod.Name, pod.Labels)
		}
	}
	if pod := w.Pod("web-1"); pod.Annotations["theirs"] != "x" {
		t.Errorf("%s has the annotations %v", pod.Name, pod.Annotations)
	}
	w.samePods(before)
	w.sameContainers(ran)
	w.NothingElseHappened()
}

func TestAPodIsResizedInPlaceWithoutARestart(t *testing.T) {
	w := newScene(t)
	w.create(web(asking(cpu, "100m")))
	w.ruled(inPlace)
	w.Eventually(w.Ready("web", 3))
	before, ran := world.UIDs(w.Pods()), w.containers()
	w.Forget()

	w.change(asking(cpu, "200m"))
	w.Eventually(w.Ready("web", 3))
	for _, pod := range w.Pods() {
		w.Must(w.has(pod.Name, cpu, "200m")())
	}
	w.samePods(before)
	w.sameContainers(ran)
	w.NothingElseHappened()
}

func TestWhatCannotBeChangedInPlaceIsRecreated(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2)))
	w.ruled(inPlace)
	w.Eventually(w.Ready("web", 2))
	w.Forget()

	w.change(env("ROUND", "2"))
	w.Happens("web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready",
		"web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready")
	w.Eventually(w.Ready("web", 2))
	w.NothingElseHappened()
}

func TestOnlyInPlaceHoldsWhatCannotBe(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2)))
	w.ruled(`rollout: {inPlace: {mode: Only}}`)
	w.Eventually(w.Ready("web", 2))
	w.Forget()
	w.change(env("ROUND", "2"))
	w.Eventually(w.condition("Stalled", corev1.ConditionTrue, "NotInPlace", "web-1 cannot be updated in place", "spec.containers[web].env differs"))
	w.NothingElseHappened()
}

func TestAResizeThatIsDeferredForTooLongEndsInAnotherPod(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(1), asking(cpu, "1"), withoutClaims))
	w.ruled(`rollout: {inPlace: {mode: IfPossible, deferredTimeoutSeconds: 5}}`)
	w.Eventually(w.Ready("web", 1))
	w.fill(w.Pod("web-0").Spec.NodeName, cpu, "32")
	w.Forget()

	w.change(asking(cpu, "40"))
	w.Eventually(w.resizeIs("web-0", corev1.PodReasonDeferred))
	w.Eventually(w.condition("Progressing", corev1.ConditionTrue, "InProgress", "web-0 is being resized in place, which its node has deferred", "not enough cpu free"))
	w.Happens("web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready")
	w.Eventually(w.Ready("web", 1))
	w.Eventually(w.has("web-0", cpu, "40"))
	w.NothingElseHappened()
}

// It goes by memory, so that it is not in the way of the test before, nor that of it.
func TestAResizeThatIsDeferredIsDoneWhenThereIsRoom(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(1), asking(memory, "1Gi"), withoutClaims))
	w.ruled(inPlace)
	w.Eventually(w.Ready("web", 1))
	w.fill(w.Pod("web-0").Spec.NodeName, memory, "128Gi")
	before := w.Pod("web-0").UID

	w.change(asking(memory, "160Gi"))
	w.Eventually(w.resizeIs("web-0", corev1.PodReasonDeferred))
	w.deletePod("filler")
	w.Eventually(w.has("web-0", memory, "160Gi"))
	w.Eventually(w.Ready("web", 1))
	if w.Pod("web-0").UID != before {
		t.Error("web-0 is another pod")
	}
}

// The API server itself refuses what is more than the node has.
func TestAResizeThatCanNeverBeIsHeldWhenThePolicySaysSo(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2), asking(cpu, "1")))
	w.ruled(`rollout: {inPlace: {mode: IfPossible, onInfeasible: Hold}}`)
	w.Eventually(w.Ready("web", 2))
	before := world.UIDs(w.Pods())
	w.Forget()

	w.change(asking(cpu, "65"))
	w.Eventually(w.condition("Stalled", corev1.ConditionTrue, "NotInPlace", "web-1 cannot be updated in place", "node didn't have enough allocatable resources: cpu"))

	t.Log("and goes back in place")
	w.undo()
	w.Eventually(w.Ready("web", 2))
	w.Eventually(w.has("web-1", cpu, "1"))
	w.samePods(before)
	w.NothingElseHappened()
}

const (
	cpu    = corev1.ResourceCPU
	memory = corev1.ResourceMemory
)

// asking has the container ask for so much.
func asking(name corev1.ResourceName, amount string) edit {
	return func(s *appsv1.StatefulSet) {
		s.Spec.Template.Spec.Containers[0].Resources.Requests = corev1.ResourceList{name: resource.MustParse(amount)}
	}
}

func env(name, value string) edit {
	return func(s *appsv1.StatefulSet) {
		s.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: name, Value: value}}
	}
}

// withoutClaims has pods that can go to another node.
func withoutClaims(s *appsv1.StatefulSet) {
	s.Spec.VolumeClaimTemplates = nil
	unmounted(s)
}

// fill puts a pod on a node that asks for half of what that has.
func (w *scene) fill(node string, name corev1.ResourceName, half string) {
	w.Helper()
	w.Forget()
	spec := web(asking(name, half)).Spec.Template.Spec
	spec.NodeName, spec.Containers[0].VolumeMounts = node, nil
	_, err := w.Client.CoreV1().Pods(w.Namespace).Create(w.Ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "filler"}, Spec: spec}, metav1.CreateOptions{})
	w.Must(err)
	w.Happens("filler created", "filler ready")
}

// has objects unless a pod's container has been given so much.
func (w *scene) has(pod string, name corev1.ResourceName, amount string) func() error {
	return func() error {
		p := w.Pod(pod)
		if p == nil || len(p.Status.ContainerStatuses) == 0 || p.Status.ContainerStatuses[0].Resources == nil {
			return fmt.Errorf("%s has no container with resources yet", pod)
		}
		if got := p.Status.ContainerStatuses[0].Resources.Requests[name]; got.String() != amount {
			return fmt.Errorf("%s has %s of %s, and not %s", pod, got.String(), name, amount)
		}
		return nil
	}
}

// resizeIs objects unless a pod's resize is pending for this reason.
func (w *scene) resizeIs(name, reason string) func() error {
	return func() error {
		pod := w.Pod(name)
		if pod == nil {
			return fmt.Errorf("there is no pod %s", name)
		}
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodResizePending && c.Reason == reason {
				return nil
			}
		}
		return fmt.Errorf("no resize of %s is %s: %+v", name, reason, pod.Status.Conditions)
	}
}

// containers are the IDs of the pods' first containers.
func (w *scene) containers() map[string]string {
	ids := map[string]string{}
	for _, pod := range w.Pods() {
		ids[pod.Name] = pod.Status.ContainerStatuses[0].ContainerID
	}
	return ids
}

func (w *scene) sameContainers(before map[string]string) {
	w.Helper()
	if after := w.containers(); !maps.Equal(before, after) {
		w.Errorf("the containers are %v, and were %v", after, before)
	}
}

func (w *scene) samePods(before map[string]types.UID) {
	w.Helper()
	if after := world.UIDs(w.Pods()); !maps.Equal(before, after) {
		w.Errorf("the pods are %v, and were %v", after, before)
	}
}
