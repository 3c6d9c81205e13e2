package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// podOf is a pod in which containers with these names run, and of which the API says this.
func podOf(name string, known *corev1.Pod, containers ...string) *runningPod {
	p := &runningPod{known: known, sandbox: &runtimeapi.PodSandbox{
		Id: name, Metadata: &runtimeapi.PodSandboxMetadata{Namespace: "a", Name: name}, State: runtimeapi.PodSandboxState_SANDBOX_READY,
	}}
	for _, c := range containers {
		p.containers = append(p.containers, &runtimeapi.Container{Id: c, Metadata: &runtimeapi.ContainerMetadata{Name: c}})
	}
	return p
}

func withSidecars(names ...string) *corev1.Pod {
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main"}, {Name: "other"}}}}
	pod.Spec.InitContainers = append(pod.Spec.InitContainers, corev1.Container{Name: "init"})
	for _, name := range names {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, corev1.Container{
			Name: name, RestartPolicy: new(corev1.ContainerRestartPolicyAlways),
		})
	}
	return pod
}

// stopOrder is who waits for whom among the containers that run, as "a after b c".
func stopOrder(p *runningPod) (order []string) {
	gone, cancel := context.WithCancel(context.Background())
	cancel() // a wait ends at once
	t := newTurns(p)
	for _, c := range p.containers {
		t.await(gone, c)
		var after []string
		for _, other := range p.containers {
			if slices.Contains(t.after[c.Metadata.Name], other.Metadata.Name) {
				after = append(after, other.Metadata.Name)
			}
		}
		order = append(order, strings.TrimSpace(fmt.Sprint(c.Metadata.Name, " after ", strings.Join(after, " "))))
	}
	return order
}

func TestSidecarsStopAfterWhatTheyServeInReverse(t *testing.T) {
	for name, test := range map[string]struct {
		pod  *runningPod
		want []string
	}{
		"two sidecars": {
			podOf("p", withSidecars("mesh", "log"), "mesh", "log", "main", "other"),
			[]string{"mesh after log main other", "log after main other", "main after", "other after"},
		},
		"one of three has ended": {
			podOf("p", withSidecars("a", "b", "c"), "a", "c", "main"),
			[]string{"a after c main", "c after main", "main after"},
		},
		"an init container runs": {podOf("p", withSidecars("mesh"), "mesh", "init"), []string{"mesh after", "init after"}},
		"nobody says":            {podOf("p", nil, "mesh", "main"), []string{"mesh after", "main after"}},
	} {
		if got := stopOrder(test.pod); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestASidecarIsAskedToEndWhenTheMainContainerHasEnded(t *testing.T) {
	p := podOf("p", withSidecars("mesh"), "mesh", "main")
	mesh, main := p.containers[0], p.containers[1]
	order := newTurns(p)
	stopped := make(chan string, 2)
	go func() {
		order.await(t.Context(), mesh)
		stopped <- "mesh"
	}()
	order.await(t.Context(), main)
	stopped <- "main"
	order.ended(main)
	if first, second := <-stopped, <-stopped; first != "main" || second != "mesh" {
		t.Errorf("stopped %s, then %s", first, second)
	}
}

func TestTheGracePeriodOfAPodThatIsBeingDeletedHasBegun(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	deleted := metav1.NewTime(now.Add(7 * time.Second))
	for name, test := range map[string]struct {
		known *corev1.Pod
		want  time.Duration
	}{
		"it stops now":   {&corev1.Pod{}, 5 * time.Minute},
		"nobody says":    {nil, 5 * time.Minute},
		"it was deleted": {&corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &deleted}}, 7 * time.Second},
	} {
		p := podOf("p", test.known, "main", "mesh")
		for _, c := range p.containers {
			c.Annotations = map[string]string{graceAnnotation: "300"}
		}
		if got := p.deadline(now).Sub(now); got != test.want {
			t.Errorf("%s: has %s, want %s", name, got, test.want)
		}
	}
}

func TestAContainerWhosePodHasNoTimeLeftGetsTheLeast(t *testing.T) {
	c := &runtimeapi.Container{Id: "c", Annotations: map[string]string{graceAnnotation: "1"}}
	var r runtime
	err := containerStop{
		container: c, until: time.Now().Add(-time.Minute), report: func(string) {},
		turn: func(ctx context.Context, _ *runtimeapi.Container) { <-ctx.Done() }, // never comes
	}.do(t.Context(), &r)
	if want := []string{"stop c 1"}; err != nil || !slices.Equal(r.asked, want) {
		t.Errorf("asked %q (%v), want %q", r.asked, err, want)
	}
}

func TestWhoWaitsIsToldForWhomAndUntilWhen(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	quick, slow, ended := podOf("quick", nil, "c"), podOf("slow", nil, "c"), podOf("ended", nil)
	quick.until, slow.until = now.Add(30*time.Second), now.Add(5*time.Minute)
	ended.sandbox.State = runtimeapi.PodSandboxState_SANDBOX_NOTREADY
	left := newPending([]*runningPod{quick, slow, ended})
	for _, test := range []struct{ got, want string }{
		{left.begin(now), "stopping 2 pods; pod a/slow may take until 12:05:00"},
		{left.waiting(), "waiting for pod a/slow and 1 more, until 12:05:00 at most"},
		{left.stopped(quick), "stopped pod a/quick, 1 to go"},
		{left.begin(now), "stopping 1 pod; pod a/slow may take until 12:05:00"},
		{left.stopped(ended), ""},
		{left.waiting(), "waiting for pod a/slow, until 12:05:00 at most"},
		{left.stopped(slow), "stopped pod a/slow, 0 to go"},
		{left.waiting(), ""},
		{left.begin(now), ""},
	} {
		if test.got != test.want {
			t.Errorf("said %q, want %q", test.got, test.want)
		}
	}
}
