package simnode

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/testr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"
)

// world is a fake API with running simulated kubelets, in a bubble in which
// time passes only when everything waits.
type world struct {
	*testing.T
	api *fake.Clientset
}

// inWorld runs test beside kubelets that serve n nodes and find the given
// objects when they start.
func inWorld(t *testing.T, n int, objects []runtime.Object, test func(w world)) {
	synctest.Test(t, func(t *testing.T) {
		w := world{T: t, api: fake.NewClientset(objects...)}
		defer w.start(n)()
		test(w)
	})
}

// start starts kubelets and returns what stops them.
func (w world) start(n int) (stop func()) {
	w.Helper()
	k, err := newKubelets(Config{Nodes: n, PodCIDR: netip.MustParsePrefix("10.87.0.0/16"), Log: testLog(w.T)}, w.api)
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	w.settle()
	if err := k.Ready(ctx); err != nil {
		w.Fatalf("not ready after the start: %v", err)
	}
	return func() {
		cancel()
		if err := <-done; err != nil {
			w.Errorf("Run: %v", err)
		}
	}
}

func testLog(t *testing.T) logr.Logger { return testr.New(t) }

// settle lets everything that can happen now happen, with the moment that
// informers take to notice their first list.
func (w world) settle() { w.pass(200 * time.Millisecond) }

func (w world) pass(d time.Duration) {
	time.Sleep(d) // the bubble's time, not ours
	synctest.Wait()
}

func (w world) add(objects ...runtime.Object) {
	w.Helper()
	for _, o := range objects {
		if err := w.api.Tracker().Add(o); err != nil {
			w.Fatal(err)
		}
	}
	w.settle()
}

func (w world) pod(name string) *corev1.Pod {
	w.Helper()
	pod, err := w.api.CoreV1().Pods("db").Get(w.Context(), name, metav1.GetOptions{})
	if err != nil {
		w.Fatal(err)
	}
	return pod
}

func (w world) pods() int {
	w.Helper()
	list, err := w.api.CoreV1().Pods("db").List(w.Context(), metav1.ListOptions{})
	if err != nil {
		w.Fatal(err)
	}
	return len(list.Items)
}

// change updates a pod as a user would.
func (w world) change(name string, edit func(*corev1.Pod)) {
	w.Helper()
	pod := w.pod(name)
	edit(pod)
	if _, err := w.api.CoreV1().Pods("db").Update(w.Context(), pod, metav1.UpdateOptions{}); err != nil {
		w.Fatal(err)
	}
	w.settle()
}

// statusWrites counts the writes of pod statuses so far.
func (w world) statusWrites() int {
	n := 0
	for _, a := range w.api.Actions() {
		if a.Matches("update", "pods/status") {
			n++
		}
	}
	return n
}

func (w world) deletions() []clienttesting.DeleteActionImpl {
	var found []clienttesting.DeleteActionImpl
	for _, a := range w.api.Actions() {
		if d, ok := a.(clienttesting.DeleteActionImpl); ok && a.Matches("delete", "pods") {
			found = append(found, d)
		}
	}
	return found
}

// bound is a pod that the scheduler has put on sim-0.
func bound(name string, edits ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "db", Name: name, UID: types.UID("uid-" + name), Generation: 1},
		Spec: corev1.PodSpec{
			NodeName:      "sim-0",
			RestartPolicy: corev1.RestartPolicyAlways,
			Containers:    []corev1.Container{{Name: "main", Image: "my-image"}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodPending, QOSClass: corev1.PodQOSBurstable},
	}
	for _, edit := range edits {
		edit(pod)
	}
	return pod
}

func annotated(key, value string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { metav1.SetMetaDataAnnotation(&pod.ObjectMeta, key, value) }
}

func deletedNow(pod *corev1.Pod) {
	pod.DeletionTimestamp = ptr.To(metav1.NewTime(time.Now().Add(30 * time.Second)))
	pod.DeletionGracePeriodSeconds = ptr.To(int64(30))
}

func mounting(claim string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
		}})
	}
}

func claim(name string, phase corev1.PersistentVolumeClaimPhase) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "db", Name: name},
		Status:     corev1.PersistentVolumeClaimStatus{Phase: phase},
	}
}

func ready(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func waitingReason(pod *corev1.Pod) string {
	if s := pod.Status.ContainerStatuses; len(s) > 0 && s[0].State.Waiting != nil {
		return s[0].State.Waiting.Reason
	}
	return ""
}
