package integration

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"ordinal.dev/ordinal/internal/cluster/simnode"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/revision"
)

func TestAnUpdateThatGetsNoFurtherExceedsItsDeadline(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(1), func(s *appsv1.StatefulSet) {
		s.Annotations = map[string]string{plan.ProgressDeadlineAnnotation: "2s"}
	}))
	w.Eventually(w.Ready("web", 1))
	w.change(image("web:bad"), simulated(simnode.StateCrashLoop))
	w.Eventually(w.condition("Progressing", corev1.ConditionFalse, "ProgressDeadlineExceeded", "web-0", "CrashLoopBackOff"))
	w.change(image("web:3"), simulated(simnode.StateReady))
	w.Eventually(w.condition("Progressing", corev1.ConditionFalse, "Complete"))
}

// kubernetes#89067: stock Kubernetes creates and deletes such a pod many times a
// second, with an event for each.
func TestAPodThatEndsAgainAndAgainIsRetriedEverMoreSlowly(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(1), simulated(simnode.StateFailed)))
	w.Eventually(w.condition("Available", corev1.ConditionFalse, "PodFinished", "web-0", "it has failed 2 times, and is retried after 10s"))
	failed := w.Pod("web-0").UID
	w.Eventually(func() error {
		if n := len(w.eventsWithReason("BackOff")); n != 1 {
			return fmt.Errorf("there are %d BackOff events, not one", n)
		}
		return nil
	})
	// It has to wait for its turn, however it would behave.
	w.change(simulated(simnode.StateReady))
	w.Eventually(w.Ready("web", 1))
	if w.Pod("web-0").UID == failed {
		t.Error("the pod that failed was not replaced")
	}
}

func TestARevisionWhoseNameIsTakenGetsAnother(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(1)))
	w.Eventually(w.Ready("web", 1))
	next := w.Set("web").DeepCopy()
	image("web:2")(next)
	taken, err := revision.New(next, 1, 0)
	w.Must(err)
	taken.OwnerReferences, taken.Labels = nil, nil
	taken.Data = runtime.RawExtension{Raw: []byte(`{"something":"else"}`)}
	_, err = w.Client.AppsV1().ControllerRevisions(w.Namespace).Create(w.Ctx, taken, metav1.CreateOptions{})
	w.Must(err)

	w.change(image("web:2"))
	w.Eventually(w.images("web:2"))
	w.Eventually(w.Ready("web", 1))
	again, err := revision.New(next, 1, 1)
	w.Must(err)
	if s := w.Set("web").Status; s.CollisionCount == nil || *s.CollisionCount != 1 || s.CurrentRevision != again.Name {
		t.Errorf("the revision is %s after %v collisions, not %s after 1", s.CurrentRevision, s.CollisionCount, again.Name)
	}
}

func TestAStartThatChangesMovesTheSet(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2)))
	w.Eventually(w.Ready("web", 2))
	w.Forget()
	w.change(startingAt(1))
	w.Happens("web-2 created", "web-2 ready", "web-0 stopping", "web-0 gone")
	w.Eventually(w.Ready("web", 2))
	w.change(startingAt(0))
	w.Happens("web-0 created", "web-0 ready", "web-2 stopping", "web-2 gone")
	w.Eventually(w.Ready("web", 2))
	w.NothingElseHappened()
}

// Claims that somebody else controls are used, and keep their owner.
func TestAClaimThatAnotherControlsIsNotTakenFromIt(t *testing.T) {
	w := newScene(t)
	owner, err := w.Client.CoreV1().ConfigMaps(w.Namespace).Create(w.Ctx,
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "backup"}}, metav1.CreateOptions{})
	w.Must(err)
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Name:            "data-web-1",
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, corev1.SchemeGroupVersion.WithKind("ConfigMap"))},
		},
		Spec: web().Spec.VolumeClaimTemplates[0].Spec,
	}
	_, err = w.Client.CoreV1().PersistentVolumeClaims(w.Namespace).Create(w.Ctx, claim, metav1.CreateOptions{})
	w.Must(err)

	w.create(web(replicas(2), func(s *appsv1.StatefulSet) {
		s.Spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenScaled: remove, WhenDeleted: remove}
	}))
	w.Eventually(w.Ready("web", 2))
	w.Eventually(func() error {
		if len(w.eventsWithReason("ConflictingController")) == 0 {
			return fmt.Errorf("nobody is told that the retention policy does not apply to data-web-1")
		}
		return nil
	})
	w.scale(0)
	w.Eventually(w.Ready("web", 0))
	w.Eventually(w.claimCount(1))
	if owners := w.Claim("data-web-1").OwnerReferences; len(owners) != 1 || owners[0].UID != owner.UID {
		t.Errorf("data-web-1 is owned by %v, not by the ConfigMap alone", owners)
	}
}

func TestAPodThatAnotherControlsIsNamedAsInTheWay(t *testing.T) {
	w := newScene(t)
	owner, err := w.Client.CoreV1().ConfigMaps(w.Namespace).Create(w.Ctx,
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "another"}}, metav1.CreateOptions{})
	w.Must(err)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web-1", Labels: map[string]string{"app": "web"},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, corev1.SchemeGroupVersion.WithKind("ConfigMap"))},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "other", Image: "other:1"}}},
	}
	_, err = w.Client.CoreV1().Pods(w.Namespace).Create(w.Ctx, pod, metav1.CreateOptions{})
	w.Must(err)
	w.create(web(replicas(2)))
	w.Eventually(w.condition("Available", corev1.ConditionFalse, "NameTaken", "web-1", "belongs to ConfigMap another"))
	w.deletePod("web-1")
	w.Eventually(w.Ready("web", 2))
}

// eventsWithReason are those of the set.
func (w *scene) eventsWithReason(reason string) []*corev1.Event {
	var all []*corev1.Event
	for _, e := range w.Events() {
		if e.InvolvedObject.Name == "web" && strings.EqualFold(e.Reason, reason) {
			all = append(all, e)
		}
	}
	return all
}
