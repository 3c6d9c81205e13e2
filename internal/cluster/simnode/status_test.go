package simnode

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func mustAddr(s string) netip.Addr { return netip.MustParseAddr(s) }

// at is when the reports of these tests are made.
var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func reported(pod *corev1.Pod) corev1.PodStatus {
	s, _ := scriptOf(pod)
	status, _ := report(pod, s, observation{now: at, started: at, hostIP: "10.87.0.1", podIP: "10.87.0.9"})
	return status
}

// summary is a status in a few words: phase, containers, false conditions.
func summary(status corev1.PodStatus) string {
	words := []string{string(status.Phase)}
	if status.Reason != "" {
		words = append(words, "("+status.Reason+")")
	}
	for _, c := range append(status.InitContainerStatuses, status.ContainerStatuses...) {
		state := "running"
		switch {
		case c.State.Waiting != nil:
			state = c.State.Waiting.Reason
		case c.State.Terminated != nil:
			state = fmt.Sprintf("exit %d", c.State.Terminated.ExitCode)
		}
		if c.Ready {
			state += " ready"
		}
		words = append(words, fmt.Sprintf("%s[%s]", c.Name, state))
	}
	for _, c := range status.Conditions {
		if c.Status != corev1.ConditionTrue {
			words = append(words, fmt.Sprintf("!%s:%s", c.Type, c.Reason))
		}
	}
	return strings.Join(words, " ")
}

func TestStateAnnotationDecidesTheStatus(t *testing.T) {
	unready := " !ContainersReady:ContainersNotReady !Ready:ContainersNotReady"
	failed := " !PodReadyToStartContainers: !ContainersReady:PodFailed !Ready:PodFailed"
	for state, want := range map[string]string{
		StateReady:            "Running main[running ready]",
		StateNotReady:         "Running main[running]" + unready,
		StateCrashLoop:        "Running main[CrashLoopBackOff]" + unready,
		StateImagePullBackOff: "Pending main[ImagePullBackOff]" + unready,
		StateCreating:         "Pending main[ContainerCreating]" + unready,
		StateFailed:           "Failed main[exit 1]" + failed,
		StateEvicted:          "Failed (Evicted) main[exit 137]" + failed,
		StateSucceeded:        "Succeeded main[exit 0] !PodReadyToStartContainers: !ContainersReady:PodCompleted !Ready:PodCompleted",
	} {
		t.Run(state, func(t *testing.T) {
			got := summary(reported(bound("web-0", annotated(StateAnnotation, state))))
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestInitContainersCompleteAndSidecarsRun(t *testing.T) {
	pod := bound("web-0", func(p *corev1.Pod) {
		p.Spec.InitContainers = []corev1.Container{
			{Name: "prepare"},
			{Name: "proxy", RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)},
		}
	})
	if got, want := summary(reported(pod)), "Running prepare[exit 0 ready] proxy[running ready] main[running ready]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	pod.Annotations = map[string]string{StateAnnotation: StateFailed}
	if got, want := summary(reported(pod)), "Failed prepare[exit 0 ready] proxy[exit 1] main[exit 1]"; !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s …", got, want)
	}
}

func TestPodWithoutSandboxIsBeingCreated(t *testing.T) {
	pod := bound("web-0", func(p *corev1.Pod) { p.Spec.InitContainers = []corev1.Container{{Name: "prepare"}} })
	status, _ := report(pod, script{state: StateReady}, observation{now: at, hostIP: "10.87.0.1"})
	want := "Pending prepare[PodInitializing] main[PodInitializing] !PodReadyToStartContainers:" +
		" !Initialized:ContainersNotInitialized !ContainersReady:ContainersNotReady !Ready:ContainersNotReady"
	if got := summary(status); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestReadinessGateHoldsThePodBack(t *testing.T) {
	pod := bound("web-0", func(p *corev1.Pod) {
		p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.org/in-sync"}}
	})
	if got, want := summary(reported(pod)), "Running main[running ready] !Ready:ReadinessGatesNotReady"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	pod.Status.Conditions = []corev1.PodCondition{{Type: "example.org/in-sync", Status: corev1.ConditionTrue}}
	if got, want := summary(reported(pod)), "Running main[running ready]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestPodThatMayNotRestartFailsInsteadOfLooping(t *testing.T) {
	pod := bound("job", annotated(StateAnnotation, StateCrashLoop), func(p *corev1.Pod) {
		p.Spec.RestartPolicy = corev1.RestartPolicyNever
	})
	if got := reported(pod).Phase; got != corev1.PodFailed {
		t.Errorf("phase %s, want Failed", got)
	}
}

func TestFailedIsFinal(t *testing.T) {
	pod := bound("web-0", annotated(StateAnnotation, StateFailed))
	pod.Status = reported(pod)
	pod.Annotations = nil
	if got := reported(pod).Phase; got != corev1.PodFailed {
		t.Errorf("a failed pod became %s", got)
	}
}

func TestReportIsStable(t *testing.T) {
	pod := bound("web-0")
	pod.Status = reported(pod)
	again, _ := report(pod, script{state: StateReady}, observation{
		now: at.Add(time.Hour), started: at, hostIP: "10.87.0.1", podIP: "10.87.0.9",
	})
	if diff := cmp.Diff(pod.Status, again); diff != "" {
		t.Errorf("an hour later the status differs:\n%s", diff)
	}
}

func TestConditionsMoveOnlyWhenTheyChange(t *testing.T) {
	pod := bound("web-0")
	pod.Status = reported(pod)
	later := at.Add(time.Minute)
	status, _ := report(pod, script{state: StateNotReady}, observation{
		now: later, started: at, hostIP: "10.87.0.1", podIP: "10.87.0.9",
	})
	for _, c := range status.Conditions {
		want := at
		if c.Type == corev1.PodReady || c.Type == corev1.ContainersReady {
			want = later
		}
		if !c.LastTransitionTime.Time.Equal(want) {
			t.Errorf("%s moved at %s, want %s", c.Type, c.LastTransitionTime, want)
		}
	}
}

func TestUnknownStateIsRefused(t *testing.T) {
	_, err := scriptOf(bound("web-0", annotated(StateAnnotation, "broken")))
	if err == nil || !strings.Contains(err.Error(), "use one of ready, not-ready") {
		t.Errorf("error %v, want the states to choose from", err)
	}
}
