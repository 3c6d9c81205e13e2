package controller

import (
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/plan"
)

// told returns the events of this reason.
func (w *world) told(reason string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, e := range w.events {
		if strings.HasPrefix(e, reason+": ") {
			all = append(all, e)
		}
	}
	return all
}

func TestWhatWasDoneIsToldInOneEventWhenTheSetIsAtRest(t *testing.T) {
	w := newWorld(t, web(3))
	w.settle()
	told := w.told("SuccessfulCreate")
	if len(told) != 1 {
		t.Fatalf("told %q, want one event", told)
	}
	for _, each := range []string{"Claim data-web-0", "Pod web-0", "Pod web-1", "Pod web-2", "because ordinal 2 has no pod"} {
		if !strings.Contains(told[0], each) {
			t.Errorf("%q does not tell of %s", told[0], each)
		}
	}
	w.settle()
	if again := w.told("SuccessfulCreate"); len(again) != 1 {
		t.Errorf("told again: %q", again)
	}
}

func TestWhatWasDoneIsToldAtMostASecondLateWhileASetMoves(t *testing.T) {
	w := newWorld(t, web(3))
	if _, result, err := w.reconcile(); err != nil || len(w.events) > 0 || result.RequeueAfter != statusDelay {
		t.Fatalf("at once: told %q, %+v, %v; want nothing yet, and another look after %s", w.events, result, err, statusDelay)
	}
	w.clock.Step(statusDelay)
	if _, _, err := w.reconcile(); err != nil || len(w.told("SuccessfulCreate")) != 1 {
		t.Errorf("after %s: told %q, %v", statusDelay, w.events, err)
	}
}

func TestNewsWaitForRoomAndAreFewerForIt(t *testing.T) {
	w := newWorld(t, web(1))
	w.r.newsLimit.ReserveN(w.clock.Now(), newsAtOnce) // other sets have much to tell
	w.settle()
	if status := w.set().Status; status.ReadyReplicas != 1 || len(w.events) > 0 {
		t.Fatalf("%d ready replicas in the status, told %q: want one, and nothing yet", status.ReadyReplicas, w.events)
	}
	w.change(func(set *appsv1.StatefulSet) { set.Spec.Replicas = ptr.To(int32(2)) })
	w.settle()
	_, result, err := w.reconcile()
	if err != nil || len(w.events) > 0 || result.RequeueAfter != time.Second/newsPerSecond {
		t.Fatalf("told %q, %+v, %v: want nothing yet, and another look when there is room", w.events, result, err)
	}
	w.clock.Step(result.RequeueAfter)
	if _, result, err = w.reconcile(); err != nil || result.RequeueAfter != 0 {
		t.Errorf("%+v, %v: want no other look", result, err)
	}
	if told := w.told("SuccessfulCreate"); len(told) != 1 || !strings.Contains(told[0], "Pod web-0") || !strings.Contains(told[0], "Pod web-1") {
		t.Errorf("told %q: want one event of both pods", w.events)
	}
}

func TestWarningsDoNotWaitForNews(t *testing.T) {
	w := newWorld(t, web(1))
	w.r.newsLimit.ReserveN(w.clock.Now(), newsAtOnce)
	w.refuse["create pods"] = apierrors.NewForbidden(corev1.Resource("pods"), "web-0", errors.New("no room"))
	_, _, _ = w.reconcile() // the refusal is what is asked for
	_, _, _ = w.reconcile()
	if told := w.told("FailedCreate"); len(told) != 1 {
		t.Errorf("told %q: want the failure", w.events)
	}
}

func TestTheStatusTellsNoMoreOfARefusalThanAnEvent(t *testing.T) {
	w := newWorld(t, web(1))
	w.refuse["create pods"] = errors.New(strings.Repeat("no ", 1000))
	_, _, _ = w.reconcile() // the refusal is what is asked for
	_, _, _ = w.reconcile()
	for _, c := range w.set().Status.Conditions {
		if c.Reason != "FailedCreate" || !strings.Contains(c.Message, "no no") || len(c.Message) > longestNote+len("…") {
			t.Errorf("%s is %s, in %d bytes: want the refusal, in %d at most", c.Type, c.Reason, len(c.Message), longestNote)
		}
	}
	if len(w.set().Status.Conditions) < 2 {
		t.Errorf("conditions %v, want two that tell of the refusal", w.set().Status.Conditions)
	}
}

func TestAnEventHoldsNoMoreThanTheAPITakes(t *testing.T) {
	var news []plan.Event
	for range 30 {
		news = append(news, plan.Event{Reason: "SuccessfulCreate", Message: strings.Repeat("x", 90)})
	}
	news = append(news, plan.Event{Reason: "SuccessfulCreate", Message: "short"}) // which has room, and is out of order
	news = append(news, plan.Event{Reason: "FailedCreate", Message: strings.Repeat("y", 2000)})
	w := newWorld(t)
	m := &memory{news: news}
	w.r.announce(web(3), m)
	var text string
	for _, e := range w.events {
		_, note, _ := strings.Cut(e, ": ")
		if len(note) > 1024 {
			t.Errorf("a note of %d bytes, and the API takes 1024", len(note))
		}
		text += note
	}
	if n := strings.Count(text, "x"); n != 10*90 || !strings.Contains(text, "; and 21 more") || len(w.events) != 2 {
		t.Errorf("%d events tell of %d of 30: want one for ten and the number of the others, and one for the failure:\n%s", len(w.events), n/90, text)
	}
	if len(m.news) > 0 {
		t.Error("it will be told again")
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
			w.clock.Step(pause - time.Second)
			if w.rounds(2); w.pod("web-0").Status.Phase != corev1.PodFailed {
				t.Fatalf("the pod was replaced before %s were over", pause)
			}
			w.clock.Step(time.Second)
		}
		if w.rounds(2); w.pod("web-0").Status.Phase == corev1.PodFailed {
			t.Fatalf("the pod was not replaced when %s were over", pause)
		}
	}
	if told := w.told("BackOff"); len(told) != 2 || told[0] != told[1] {
		t.Errorf("told %q: want the same of the second and of the third failure", told)
	}
	for i, e := range w.events {
		if reason, _, _ := strings.Cut(e, ":"); reason == "BackOff" && w.about[i] != `StatefulSet web at version "" and Pod web-0` {
			t.Errorf("%s is about %s", reason, w.about[i])
		}
	}
}

// backOffs is the first pause of the back-off.
const backOffs = 10 * time.Second

// rounds reconciles a number of times, without anything becoming ready.
func (w *world) rounds(n int) {
	w.t.Helper()
	for range n {
		if _, _, err := w.reconcile(); err != nil {
			w.t.Fatal(err)
		}
	}
}

// end lets a pod fail.
func (w *world) end(name string) {
	w.t.Helper()
	pod := w.pod(name)
	pod.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "OutOfcpu"}
	if err := w.api.Status().Update(w.t.Context(), pod); err != nil {
		w.t.Fatal(err)
	}
}
