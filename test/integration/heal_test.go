package integration

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/cluster/simnode"
)

// kubernetes#67250, #78709: nothing crashes, and nothing ever starts.
func TestAPodOfWhichNothingEverStartedIsReplacedByAGoodRevision(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2)))
	w.Eventually(w.Ready("web", 2))
	w.change(image("web:2"), simulated(simnode.StateCreating))
	w.Eventually(w.images("web:1", "web:2"))
	w.change(image("web:3"), simulated(simnode.StateReady))
	w.Eventually(w.Ready("web", 2))
	w.Must(w.images("web:3", "web:3")())
}

// The pods crash all together, and a good revision brings each of them back.
func TestATotalOutageEndsWithAGoodRevision(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(3)))
	w.Eventually(w.Ready("web", 3))
	for _, pod := range []string{"web-0", "web-1", "web-2"} {
		w.simulate(pod, simnode.StateCrashLoop)
	}
	w.Eventually(w.condition("Available", corev1.ConditionFalse, "PodCannotStart", "CrashLoopBackOff"))
	w.Forget()
	w.change(image("web:2"))
	w.Happens(
		"web-2 stopping", "web-2 gone", "web-2 created", "web-2 ready",
		"web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready",
		"web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready",
	)
	w.Eventually(w.Ready("web", 3))
}

func TestAWaitSaysWhyInTheWordsOfTheKubelet(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(1), simulated(simnode.StateCreating)))
	w.Eventually(func() error {
		if w.Pod("web-0") == nil {
			return fmt.Errorf("web-0 does not exist")
		}
		return nil
	})
	pod := w.Pod("web-0")
	_, err := w.Client.CoreV1().Events(w.Namespace).Create(w.Ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: "web-0.mount"},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", APIVersion: "v1", Namespace: w.Namespace, Name: pod.Name, UID: pod.UID},
		Type:           corev1.EventTypeWarning, Reason: "FailedMount",
		Message:        `MountVolume.SetUp failed for volume "tls" : secret "web-tls" not found`,
		FirstTimestamp: metav1.Now(), LastTimestamp: metav1.Now(),
	}, metav1.CreateOptions{})
	w.Must(err)
	w.Eventually(w.condition("Available", corev1.ConditionFalse, "PodStarting", "web-0", "FailedMount", `secret "web-tls" not found`))
	w.Must(w.condition("Progressing", corev1.ConditionTrue, "InProgress", "FailedMount")())
}

// kubernetes#136831: a roll-out is over when its pods are available.
func TestARevisionIsCurrentWhenItsPodsAreAvailable(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2), func(s *appsv1.StatefulSet) { s.Spec.MinReadySeconds = 3 }))
	w.Eventually(w.Ready("web", 2))
	before := w.Set("web").Status.CurrentRevision
	w.change(image("web:2"))
	w.Eventually(func() error {
		s := w.Set("web").Status
		if s.CurrentRevision == before {
			return fmt.Errorf("the roll-out goes on: %v", s)
		}
		if s.AvailableReplicas != 2 {
			w.Fatalf("the revision became the current one with %d available pods", s.AvailableReplicas)
		}
		return nil
	})
}

// The API server drops a pod without a grace period at once, while its containers still
// run, and the next one would run beside them.
func TestAPodWithoutAGracePeriodIsWaitedFor(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(1), stubborn, func(s *appsv1.StatefulSet) {
		s.Spec.Template.Spec.TerminationGracePeriodSeconds = ptr.To[int64](0)
	}))
	w.Eventually(w.Ready("web", 1))
	w.change(image("web:2"))
	w.Eventually(func() error {
		if pod := w.Pod("web-0"); pod == nil || pod.DeletionTimestamp == nil {
			return fmt.Errorf("web-0 is not terminating: %v", pod)
		}
		return nil
	})
	if grace := w.Pod("web-0").DeletionGracePeriodSeconds; grace == nil || *grace != 1 {
		t.Errorf("it has a grace of %v, want a second", grace)
	}
	w.letGo("web-0")
	w.Eventually(w.images("web:2"))
}

// To kstatus, and with it to Flux and Helm, a set that is stalled has failed.
func TestWhatTheAPIServerWillNeverAcceptStalls(t *testing.T) {
	w := newScene(t)
	name := strings.Repeat("n", 62) // of its pods, which are two letters longer, nothing can be labelled
	w.create(web(replicas(1), func(s *appsv1.StatefulSet) { s.Name, s.Spec.VolumeClaimTemplates = name, nil; unmounted(s) }))
	w.Eventually(w.isStalled(name, true))
	_, err := w.Client.AppsV1().StatefulSets(w.Namespace).Patch(w.Ctx, name, types.MergePatchType, []byte(`{"spec":{"replicas":0}}`), metav1.PatchOptions{})
	w.Must(err)
	w.Eventually(w.isStalled(name, false))
}

func unmounted(s *appsv1.StatefulSet) { s.Spec.Template.Spec.Containers[0].VolumeMounts = nil }

// isStalled objects unless the set's condition is there and tells of a refused pod, or is
// not there.
func (w *scene) isStalled(name string, want bool) func() error {
	return func() error {
		set := w.Set(name)
		if set == nil {
			return fmt.Errorf("there is no StatefulSet %s", name)
		}
		for _, c := range set.Status.Conditions {
			if c.Type == "Stalled" {
				if want && c.Status == corev1.ConditionTrue && c.Reason == "FailedCreate" {
					return nil
				}
				return fmt.Errorf("Stalled is %s, %s: %s", c.Status, c.Reason, c.Message)
			}
		}
		if want {
			return fmt.Errorf("it is not stalled: %+v", set.Status.Conditions)
		}
		return nil
	}
}
