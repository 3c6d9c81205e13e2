package integration

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"ordinal.dev/ordinal/internal/cluster/simnode"
)

func TestRecreateTakesAllPodsDownBeforeItCreatesOne(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2), func(s *appsv1.StatefulSet) { s.Spec.UpdateStrategy.Type = appsv1.RecreateStatefulSetStrategyType }))
	w.Eventually(w.Ready("web", 2))
	stay := w.Pod("web-1")
	w.annotate("web-1", simnode.TerminateAfterAnnotation, simnode.TerminateNever)
	w.Forget()

	w.change(image("web:2"))
	w.Eventually(func() error {
		if pod := w.Pod("web-1"); w.Pod("web-0") != nil || pod == nil || pod.DeletionTimestamp == nil {
			return fmt.Errorf("not both pods are taken down")
		}
		return nil
	})
	w.Eventually(w.condition("Progressing", corev1.ConditionTrue, "RecreateInProgress"))
	if pod := w.Pod("web-1"); pod.UID != stay.UID {
		t.Errorf("web-1 is not the pod it was\n%s", w.Picture())
	}
	w.letGo("web-1")
	w.Eventually(w.images("web:2", "web:2"))
	w.Eventually(w.Ready("web", 2))
	w.Eventually(w.condition("Progressing", corev1.ConditionFalse, "RecreateCompleted"))
}

func TestParallelUpdatesAsManyAsMayBeUnavailable(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(4), parallel, func(s *appsv1.StatefulSet) {
		two := intstr.FromString("50%")
		s.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{MaxUnavailable: &two}
		s.Spec.UpdateStrategy.Type = appsv1.RollingUpdateStatefulSetStrategyType
	}))
	w.Eventually(w.Ready("web", 4))

	w.change(image("web:2"), simulated(simnode.StateNotReady))
	w.Eventually(w.images("web:1", "web:1", "web:2", "web:2"))
	w.Eventually(w.counts(appsv1.StatefulSetStatus{
		Replicas: 4, ReadyReplicas: 2, AvailableReplicas: 2, CurrentReplicas: 2, UpdatedReplicas: 2,
	}))
	w.simulate("web-2", simnode.StateReady)
	w.Eventually(w.images("web:1", "web:2", "web:2", "web:2"))
}

func TestTheConditionsNameThePodThatIsInTheWay(t *testing.T) {
	w := newScene(t)
	w.create(web(simulated(simnode.StateCrashLoop)))
	w.Eventually(w.condition("Available", corev1.ConditionFalse, "PodCannotStart", "web-0", "CrashLoopBackOff"))
	w.Eventually(w.condition("Progressing", corev1.ConditionTrue, "InProgress", "creating web-1", "web-0"))
	w.simulate("web-0", simnode.StateReady)
	w.change(simulated(simnode.StateReady))
	w.Eventually(w.Ready("web", 3))
	w.Eventually(w.condition("Available", corev1.ConditionTrue, "AllAvailable"))
	w.Eventually(w.condition("Progressing", corev1.ConditionFalse, "Complete"))
}

func TestAQuotaIsToldOfAndGotOver(t *testing.T) {
	w := newScene(t)
	quotas := w.Client.CoreV1().ResourceQuotas(w.Namespace)
	_, err := quotas.Create(w.Ctx, &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "few"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}},
	}, metav1.CreateOptions{})
	w.Must(err)
	w.create(web(replicas(2)))
	w.Eventually(w.condition("Available", corev1.ConditionFalse, "FailedCreate", "web-1", "exceeded quota"))
	w.Must(quotas.Delete(w.Ctx, "few", metav1.DeleteOptions{}))
	w.Eventually(w.Ready("web", 2))
	w.Eventually(w.condition("Available", corev1.ConditionTrue, "AllAvailable"))
}

// kubernetes#36333: stock Kubernetes waits for web-1 before it deletes web-2.
func TestScalingDownDoesNotWaitForBrokenPods(t *testing.T) {
	w := newScene(t)
	w.create(web())
	w.Eventually(w.Ready("web", 3))
	w.simulate("web-1", simnode.StateCrashLoop)
	w.simulate("web-2", simnode.StateNotReady)
	w.Eventually(w.counts(appsv1.StatefulSetStatus{Replicas: 3, ReadyReplicas: 1, AvailableReplicas: 1, CurrentReplicas: 3, UpdatedReplicas: 3}))
	w.scale(1)
	w.Eventually(w.Ready("web", 1))
}

func TestALostStatusComesBackTheSame(t *testing.T) {
	w := newScene(t)
	w.create(web(partition(2)))
	w.Eventually(w.Ready("web", 3))
	w.change(image("web:2"))
	w.Eventually(w.images("web:1", "web:1", "web:2"))
	done := appsv1.StatefulSetStatus{Replicas: 3, ReadyReplicas: 3, AvailableReplicas: 3, CurrentReplicas: 2, UpdatedReplicas: 1}
	w.Eventually(w.counts(done))
	before := w.Set("web").Status
	_, err := w.Client.AppsV1().StatefulSets(w.Namespace).Patch(w.Ctx, "web", types.MergePatchType,
		[]byte(`{"status":{"replicas":0,"readyReplicas":0,"availableReplicas":0,"currentReplicas":0,"updatedReplicas":0,"currentRevision":null,"updateRevision":null,"conditions":null}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"}, "status")
	w.Must(err)
	w.Eventually(func() error {
		if after := w.Set("web").Status; after.CurrentRevision != before.CurrentRevision || after.UpdateRevision != before.UpdateRevision {
			return fmt.Errorf("the revisions are %s and %s, not %s and %s",
				after.CurrentRevision, after.UpdateRevision, before.CurrentRevision, before.UpdateRevision)
		}
		return w.counts(done)()
	})
}

func TestAnIdentityLabelThatIsRemovedComesBack(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(1)))
	w.Eventually(w.Ready("web", 1))
	pod := w.Pod("web-0").UID
	w.patchPod("web-0", []byte(`{"metadata":{"labels":{"statefulset.kubernetes.io/pod-name":null}}}`))
	w.Eventually(func() error {
		if got := w.Pod("web-0").Labels[appsv1.StatefulSetPodNameLabel]; got != "web-0" {
			return fmt.Errorf("the label is %q", got)
		}
		return nil
	})
	if w.Pod("web-0").UID != pod {
		t.Error("the pod was replaced for a label")
	}
}

// Upstream's pods of such a set have a label that is too long, and are refused.
func TestASetWithALongNameRuns(t *testing.T) {
	w := newScene(t)
	long := strings.Repeat("n", 58)
	set := web(replicas(1))
	set.Name, set.Spec.VolumeClaimTemplates = long, nil
	set.Spec.Template.Spec.Containers[0].VolumeMounts = nil
	w.create(set)
	w.Eventually(w.Ready(long, 1))
	if pod, want := w.Pod(long+"-0"), w.Set(long).Status.UpdateRevision; pod.Labels[appsv1.StatefulSetRevisionLabel] != want {
		t.Errorf("the pod is labelled %s, and the revision is %s", pod.Labels[appsv1.StatefulSetRevisionLabel], want)
	}
}

// condition objects unless the set has the condition with this status and
// reason, and all the words in its message.
func (w *scene) condition(kind appsv1.StatefulSetConditionType, status corev1.ConditionStatus, reason string, words ...string) func() error {
	return func() error {
		set := w.Set("web")
		if set == nil {
			return fmt.Errorf("there is no StatefulSet web")
		}
		for _, c := range set.Status.Conditions {
			if c.Type != kind || c.Status != status || c.Reason != reason {
				continue
			}
			missing := ""
			for _, word := range words {
				if !strings.Contains(c.Message, word) {
					missing = word
				}
			}
			if missing == "" {
				return nil
			}
		}
		return fmt.Errorf("%s is not %s, %s with %q: the conditions are %+v", kind, status, reason, words, set.Status.Conditions)
	}
}
