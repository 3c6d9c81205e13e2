package simnode

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
)

func TestPodIsReadyWithOneWrite(t *testing.T) {
	inWorld(t, 1, nil, func(w world) {
		w.add(bound("web-0"))

		pod := w.pod("web-0")
		if pod.Status.Phase != corev1.PodRunning || !ready(pod) {
			t.Errorf("phase %s, conditions %v; want Running and Ready", pod.Status.Phase, pod.Status.Conditions)
		}
		if pod.Status.PodIP != "10.87.0.2" || pod.Status.HostIP != "10.87.0.1" {
			t.Errorf("podIP %s, hostIP %s; want the first addresses of the node", pod.Status.PodIP, pod.Status.HostIP)
		}
		if pod.Status.QOSClass != corev1.PodQOSBurstable {
			t.Errorf("qosClass became %s", pod.Status.QOSClass)
		}
		if n := w.statusWrites(); n != 1 {
			t.Errorf("%d status writes, want 1", n)
		}
	})
}

func TestPodOfAnotherNodeIsLeftAlone(t *testing.T) {
	inWorld(t, 1, nil, func(w world) {
		w.add(bound("web-0", func(p *corev1.Pod) { p.Spec.NodeName = "real" }))
		if n := w.statusWrites(); n != 0 {
			t.Errorf("%d status writes for the pod of a real node", n)
		}
	})
}

func TestPodWaitsForItsClaims(t *testing.T) {
	inWorld(t, 1, nil, func(w world) {
		w.add(bound("web-0", mounting("data-web-0")))
		if got := waitingReason(w.pod("web-0")); got != "ContainerCreating" {
			t.Errorf("without its claim: waiting in %q, want ContainerCreating", got)
		}
		w.add(claim("data-web-0", corev1.ClaimPending))
		if pod := w.pod("web-0"); pod.Status.Phase != corev1.PodPending || pod.Status.PodIP != "" {
			t.Errorf("with a pending claim: phase %s, podIP %q", pod.Status.Phase, pod.Status.PodIP)
		}
		_, err := w.api.CoreV1().PersistentVolumeClaims("db").Update(t.Context(), claim("data-web-0", corev1.ClaimBound), metav1.UpdateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		w.settle()
		if !ready(w.pod("web-0")) {
			t.Error("not Ready although the claim is Bound")
		}
	})
}

func TestReadyAfterItsDelay(t *testing.T) {
	inWorld(t, 1, nil, func(w world) {
		w.add(bound("web-0", annotated(ReadyAfterAnnotation, "5s")))
		w.pass(4 * time.Second)
		if pod := w.pod("web-0"); pod.Status.Phase != corev1.PodRunning || ready(pod) {
			t.Errorf("after 4 s: phase %s, ready %v; want Running, not Ready", pod.Status.Phase, ready(pod))
		}
		w.pass(time.Second)
		if !ready(w.pod("web-0")) {
			t.Error("not Ready after 5 s")
		}
		if n := w.statusWrites(); n != 2 {
			t.Errorf("%d status writes, want 2", n)
		}
	})
}

func TestRunningPodFollowsItsAnnotation(t *testing.T) {
	inWorld(t, 1, nil, func(w world) {
		w.add(bound("web-0"))
		w.change("web-0", annotated(StateAnnotation, StateNotReady))
		if ready(w.pod("web-0")) {
			t.Error("still Ready")
		}
		w.change("web-0", annotated(StateAnnotation, StateCrashLoop))
		if got := waitingReason(w.pod("web-0")); got != "CrashLoopBackOff" {
			t.Errorf("waiting in %q, want CrashLoopBackOff", got)
		}
		w.change("web-0", func(p *corev1.Pod) { p.Annotations = nil })
		pod := w.pod("web-0")
		if !ready(pod) || pod.Status.ContainerStatuses[0].RestartCount != 2 {
			t.Errorf("healed: ready %v, %d restarts; want Ready after its second restart",
				ready(pod), pod.Status.ContainerStatuses[0].RestartCount)
		}
	})
}

func TestCrashLoopRestartsWithBackOff(t *testing.T) {
	inWorld(t, 1, nil, func(w world) {
		w.add(bound("web-0", annotated(StateAnnotation, StateCrashLoop)))
		for _, step := range []struct {
			after    time.Duration
			restarts int32
		}{{0, 1}, {10 * time.Second, 2}, {19 * time.Second, 2}, {2 * time.Second, 3}} {
			w.pass(step.after)
			if got := w.pod("web-0").Status.ContainerStatuses[0].RestartCount; got != step.restarts {
				t.Errorf("%s later: %d restarts, want %d", step.after, got, step.restarts)
			}
		}
	})
}

func TestUnclearAnnotationIsExplained(t *testing.T) {
	inWorld(t, 1, nil, func(w world) {
		w.add(bound("web-0", annotated(ReadyAfterAnnotation, "soon")))
		pod := w.pod("web-0")
		if got := waitingReason(pod); got != "CreateContainerConfigError" {
			t.Fatalf("waiting in %q, want CreateContainerConfigError", got)
		}
		message := pod.Status.ContainerStatuses[0].State.Waiting.Message
		if want := `annotation ordinal.dev/sim-ready-after is "soon"; use a duration such as 5s`; message != want {
			t.Errorf("message %q, want %q", message, want)
		}
		w.change("web-0", annotated(ReadyAfterAnnotation, "0s"))
		if !ready(w.pod("web-0")) {
			t.Error("not Ready after the annotation was put right")
		}
	})
}

func TestDeletedPodGoesByItsUID(t *testing.T) {
	inWorld(t, 1, nil, func(w world) {
		w.add(bound("web-0"))
		w.change("web-0", deletedNow)
		if w.pods() != 0 {
			t.Fatal("the deleted pod is still there")
		}
		for _, d := range w.deletions() {
			o := d.DeleteOptions
			if o.Preconditions == nil || ptr.Deref(o.Preconditions.UID, "") != "uid-web-0" || ptr.Deref(o.GracePeriodSeconds, -1) != 0 {
				t.Errorf("deleted with %v; want grace period 0 and the pod's UID", o)
			}
		}
	})
}

func TestPodWhoseRemovalIsUnderWayIsNotRemovedTwice(t *testing.T) {
	inWorld(t, 1, nil, func(w world) {
		w.add(bound("web-0"))
		w.change("web-0", func(p *corev1.Pod) {
			p.DeletionTimestamp = ptr.To(metav1.NewTime(time.Now()))
			p.DeletionGracePeriodSeconds = ptr.To(int64(0))
		})
		w.pass(time.Second)
		if n := len(w.deletions()); n != 0 {
			t.Errorf("%d deletions of a pod that the API server is about to remove", n)
		}
		w.pass(2 * time.Second)
		if w.pods() != 0 {
			t.Error("still there: who asked for its removal did not get to it, and nobody asked again")
		}
	})
}

func TestDeletedPodLivesOnAsAsked(t *testing.T) {
	for _, tc := range []struct {
		after string
		lives time.Duration
	}{
		{"2s", time.Second},
		{"10m", 29 * time.Second}, // no longer than its grace period
	} {
		inWorld(t, 1, nil, func(w world) {
			w.add(bound("web-0", annotated(TerminateAfterAnnotation, tc.after)))
			w.change("web-0", deletedNow)
			w.pass(tc.lives)
			if w.pods() != 1 {
				t.Errorf("%s: gone before %s", tc.after, tc.lives)
			}
			w.pass(2 * time.Second)
			if w.pods() != 0 {
				t.Errorf("%s: not gone 2 s after %s", tc.after, tc.lives)
			}
		})
	}
}

func TestPodThatNeverTerminatesGoesWhenReleased(t *testing.T) {
	inWorld(t, 1, nil, func(w world) {
		w.add(bound("web-0", annotated(TerminateAfterAnnotation, TerminateNever)))
		w.change("web-0", deletedNow)
		w.pass(time.Hour)
		if w.pods() != 1 {
			t.Fatal("gone although it never terminates")
		}
		w.change("web-0", func(p *corev1.Pod) { p.Annotations = nil })
		if w.pods() != 0 {
			t.Error("not gone after the annotation was removed")
		}
	})
}

func TestRestartKeepsPodsAndTheirAddresses(t *testing.T) {
	running := bound("web-0")
	running.Status, _ = report(running, script{state: StateReady}, observation{
		now: time.Now(), started: time.Now(), hostIP: "10.87.0.1", podIP: "10.87.0.2",
	})
	inWorld(t, 1, []runtime.Object{running}, func(w world) {
		if n := w.statusWrites(); n != 0 {
			t.Errorf("%d status writes for a pod that was right", n)
		}
		w.add(bound("web-1"))
		if ip := w.pod("web-1").Status.PodIP; ip != "10.87.0.3" {
			t.Errorf("the second pod got %s, want an address that is free", ip)
		}
	})
}

func TestEndedPodsGiveTheirAddressBack(t *testing.T) {
	boxes := newSandboxes()
	n := node{name: "sim-0", pods: addressRange{first: mustAddr("10.0.0.2"), size: 2}}
	for _, name := range []string{"a", "b"} {
		if _, err := boxes.start(bound(name), n, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := boxes.start(bound("c"), n, time.Now()); err == nil || !strings.Contains(err.Error(), "no address left") {
		t.Errorf("a full node gave error %v", err)
	}
	boxes.remove(bound("a"))
	if box, err := boxes.start(bound("c"), n, time.Now()); err != nil || box.ip != mustAddr("10.0.0.2") {
		t.Errorf("got %v, %v; want the address of the pod that ended", box.ip, err)
	}
}

func TestAPodKeepsTheAddressThatItHas(t *testing.T) {
	boxes := newSandboxes()
	n := node{name: "sim-0", pods: addressRange{first: mustAddr("10.0.0.2"), size: 2}}
	pod := bound("a")
	pod.Status.PodIP = "192.0.2.7"
	if box, err := boxes.start(pod, n, time.Now()); err != nil || box.ip != mustAddr("192.0.2.7") {
		t.Errorf("got %v, %v; want the address of its status", box.ip, err)
	}
}
