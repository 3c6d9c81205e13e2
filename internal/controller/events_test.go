package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/controller/report"
	"ordinal.dev/ordinal/internal/controller/timing"
	"ordinal.dev/ordinal/internal/plan"
)

func TestAWarningIsRecordedOnceForAsLongAsItHolds(t *testing.T) {
	set := web(2)
	set.Spec.ServiceName = "peers"
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "peers"}, Spec: corev1.ServiceSpec{ClusterIP: "10.0.0.1", Selector: map[string]string{"app": "web"}}}
	w := newWorld(t, set, service)
	warnings := func() (n int) {
		for _, e := range w.Events {
			if strings.HasPrefix(e, "ServiceNotHeadless") {
				n++
			}
		}
		return n
	}
	setClusterIP := func(ip string) {
		service.Spec.ClusterIP = ip
		if err := w.API.Update(context.Background(), service); err != nil {
			t.Fatal(err)
		}
		w.settle()
	}
	w.settle()
	w.settle()
	if warnings() != 1 {
		t.Errorf("told %d times, want once: %q", warnings(), w.Events)
	}
	setClusterIP(corev1.ClusterIPNone)
	setClusterIP("10.0.0.1")
	if warnings() != 2 {
		t.Errorf("told %d times, want again when it is wrong again: %q", warnings(), w.Events)
	}
}

func TestWhatWasDoneIsToldInOneEventWhenTheSetIsAtRest(t *testing.T) {
	w := newWorld(t, web(3))
	w.settle()
	told := w.Told("SuccessfulCreate")
	if len(told) != 1 {
		t.Fatalf("told %q, want one event", told)
	}
	for _, each := range []string{"Claim data-web-0", "Pod web-0", "Pod web-1", "Pod web-2", "because ordinal 2 has no pod"} {
		if !strings.Contains(told[0], each) {
			t.Errorf("%q does not tell of %s", told[0], each)
		}
	}
	w.settle()
	if again := w.Told("SuccessfulCreate"); len(again) != 1 {
		t.Errorf("told again: %q", again)
	}
}

func TestWhatWasDoneIsToldAtMostASecondLateWhileASetMoves(t *testing.T) {
	w := newWorld(t, web(3))
	if _, result, err := w.reconcile(); err != nil || len(w.Events) > 0 || result.RequeueAfter != timing.StatusDelay {
		t.Fatalf("at once: told %q, %+v, %v; want nothing yet, and another look after %s", w.Events, result, err, timing.StatusDelay)
	}
	w.Clock.Step(timing.StatusDelay)
	if _, _, err := w.reconcile(); err != nil || len(w.Told("SuccessfulCreate")) != 1 {
		t.Errorf("after %s: told %q, %v", timing.StatusDelay, w.Events, err)
	}
}

// otherSetsHaveMuchToTell uses up the events that may be recorded at once.
func (w *world) otherSetsHaveMuchToTell() {
	var m report.Memory
	for i := range 25 {
		w.r.reporter.WritesOf(web(1), &m).Done(plan.Event{Reason: fmt.Sprint("Reason", i)})
	}
	written := func() error { return nil }
	if _, err := w.r.reporter.Report(web(1), &plan.Plan{}, report.Progress{}, &m, written); err != nil || len(w.Events) != 25 {
		w.T.Fatalf("%d events are recorded, want 25 (%v)", len(w.Events), err)
	}
	w.Events, w.About = nil, nil
}

// warnedAgain is when a warning that still holds is recorded again.
const warnedAgain = 30 * time.Minute

func TestEventsWaitForTheRateLimitAndAreFewerForIt(t *testing.T) {
	w := newWorld(t, web(1))
	w.otherSetsHaveMuchToTell()
	w.settle()
	if status := w.Set().Status; status.ReadyReplicas != 1 || len(w.Events) > 0 {
		t.Fatalf("%d ready replicas in the status, told %q: want one, and nothing yet", status.ReadyReplicas, w.Events)
	}
	w.Change(func(set *appsv1.StatefulSet) { set.Spec.Replicas = ptr.To(int32(2)) })
	w.settle()
	_, result, err := w.reconcile()
	if err != nil || len(w.Events) > 0 || result.RequeueAfter != time.Second/10 {
		t.Fatalf("told %q, %+v, %v: want nothing yet, and another look when there is room", w.Events, result, err)
	}
	w.Clock.Step(result.RequeueAfter)
	if _, result, err = w.reconcile(); err != nil || result.RequeueAfter != 0 {
		t.Errorf("%+v, %v: want no other look", result, err)
	}
	if told := w.Told("SuccessfulCreate"); len(told) != 1 || !strings.Contains(told[0], "Pod web-0") || !strings.Contains(told[0], "Pod web-1") {
		t.Errorf("told %q: want one event of both pods", w.Events)
	}
}

func TestWarningsAreNotLimited(t *testing.T) {
	w := newWorld(t, web(1))
	w.otherSetsHaveMuchToTell()
	w.Refuse["create pods"] = apierrors.NewForbidden(corev1.Resource("pods"), "web-0", errors.New("no room"))
	_, _, _ = w.reconcile() // the refusal is what is asked for
	_, _, _ = w.reconcile()
	if told := w.Told("FailedCreate"); len(told) != 1 {
		t.Errorf("told %q: want the failure", w.Events)
	}
}

func TestTheStatusTellsNoMoreOfARefusalThanAnEvent(t *testing.T) {
	const longest = 1024 // the API takes no more of an event
	w := newWorld(t, web(1))
	w.Refuse["create pods"] = errors.New(strings.Repeat("no ", 1000))
	_, _, _ = w.reconcile() // the refusal is what is asked for
	_, _, _ = w.reconcile()
	for _, c := range w.Set().Status.Conditions {
		if c.Reason != "FailedCreate" || !strings.Contains(c.Message, "no no") || len(c.Message) > longest {
			t.Errorf("%s is %s, in %d bytes: want the refusal, in %d at most", c.Type, c.Reason, len(c.Message), longest)
		}
	}
	if len(w.Set().Status.Conditions) < 2 {
		t.Errorf("conditions %v, want two that tell of the refusal", w.Set().Status.Conditions)
	}
}

// client-go counts events that differ in nothing but their notes.
func TestWhatHappensToOnePodAgainAndAgainIsOneEventWithACount(t *testing.T) {
	w := newWorld(t, web(1))
	w.rounds(1)
	for _, pause := range []time.Duration{0, backOffs, 2 * backOffs} {
		w.end("web-0")
		if pause > 0 {
			w.rounds(1)
			w.Clock.Step(pause - time.Second)
			if w.rounds(2); w.Pod("web-0").Status.Phase != corev1.PodFailed {
				t.Fatalf("the pod was replaced before %s were over", pause)
			}
			w.Clock.Step(time.Second)
		}
		if w.rounds(2); w.Pod("web-0").Status.Phase == corev1.PodFailed {
			t.Fatalf("the pod was not replaced when %s were over", pause)
		}
	}
	if told := w.Told("BackOff"); len(told) != 2 || told[0] != told[1] {
		t.Errorf("told %q: want the same of the second and of the third failure", told)
	}
	for i, e := range w.Events {
		if reason, _, _ := strings.Cut(e, ":"); reason == "BackOff" && w.About[i] != `StatefulSet web at version "" and Pod web-0` {
			t.Errorf("%s is about %s", reason, w.About[i])
		}
	}
}

// backOffs is the first pause of the back-off.
const backOffs = 10 * time.Second

// rounds reconciles a number of times, without anything becoming ready.
func (w *world) rounds(n int) {
	w.T.Helper()
	for range n {
		if _, _, err := w.reconcile(); err != nil {
			w.T.Fatal(err)
		}
	}
}

// end lets a pod fail.
func (w *world) end(name string) {
	w.T.Helper()
	pod := w.Pod(name)
	pod.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "OutOfcpu"}
	if err := w.API.Status().Update(w.T.Context(), pod); err != nil {
		w.T.Fatal(err)
	}
}

func TestAWarningThatLastsIsRecordedAgain(t *testing.T) {
	set := web(1)
	set.Annotations = map[string]string{plan.ProgressDeadlineAnnotation: "soon"}
	w := newWorld(t, set)
	w.settle()
	_, result, err := w.reconcile()
	if err != nil || result.RequeueAfter != warnedAgain {
		t.Fatalf("at rest it comes back in %s, %v; want %s", result.RequeueAfter, err, warnedAgain)
	}
	w.Clock.Step(warnedAgain)
	if _, _, err := w.reconcile(); err != nil || len(w.Told("InvalidAnnotation")) != 2 {
		t.Errorf("told %v, %v; want it twice", w.Told("InvalidAnnotation"), err)
	}
}
