package controller

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"ordinal.dev/ordinal/internal/controller/queue"
	"ordinal.dev/ordinal/internal/controller/snapshot"
	"ordinal.dev/ordinal/internal/controller/timing"
	"ordinal.dev/ordinal/internal/identity"
)

func TestWhatOnlyTheStatusCountsIsPlannedWhenTheStatusIsDue(t *testing.T) {
	w := newWorld(t, web(1))
	w.settle()
	at := func(passed time.Duration, want time.Duration, why string) {
		t.Helper()
		w.Clock.Step(passed)
		if got := w.counted(webKey); got != want {
			t.Errorf("%s: to be planned in %s, want %s", why, got, want)
		}
	}
	at(0, timing.StatusDelay, "the first change")
	at(timing.StatusDelay/4, timing.StatusDelay*3/4, "another one")
	at(timing.StatusDelay, 0, "one that comes when the plan is late")
	if _, _, err := w.reconcile(); err != nil {
		t.Fatal(err)
	}
	at(0, timing.StatusDelay, "the first one after a plan")

	w.fallBehind()
	if _, _, err := w.reconcile(); err != nil {
		t.Fatal(err)
	}
	at(0, 0, "one that the caches were waited for to show")
}

func TestAStatusIsNoLaterForAPlanThatWasPutOff(t *testing.T) {
	w := newWorld(t, web(1))
	w.settle()
	pod := w.Pod("web-0")
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning}
	if err := w.API.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	w.Clock.Step(w.counted(webKey))
	if writes, _, err := w.reconcile(); err != nil || len(writes) != 1 || writes[0] != "status statefulsets web" {
		t.Errorf("a second after the change: wrote %v, %v; want the status", writes, err)
	}
}

// addedQueue notes in how long the sets are to be planned that are added.
type addedQueue struct {
	priorityqueue.PriorityQueue[reconcile.Request]
	in []time.Duration
}

func (q *addedQueue) AddWithOpts(o priorityqueue.AddOpts, sets ...reconcile.Request) {
	for range sets {
		q.in = append(q.in, o.After)
	}
}

// member is web-0 as it is created and cached, and then changed.
func member(t *testing.T, changes ...func(*corev1.Pod)) *corev1.Pod {
	t.Helper()
	set := web(1)
	pod := identity.NewPod(set, &set.Spec.Template, "web-1", 0)
	pod.UID, pod.ResourceVersion, pod.Status.Phase = "uid-web-0", "1", corev1.PodPending
	for i, change := range changes {
		pod.ResourceVersion = string(rune('2' + i))
		change(pod)
	}
	if _, err := snapshot.NewEmptyCache().Observe(pod, false); err != nil {
		t.Fatal(err)
	}
	return pod
}

func deleted(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }
func runs(p *corev1.Pod)    { p.Status.Phase = corev1.PodRunning }
func hasNode(p *corev1.Pod) {
	p.Spec.NodeName = "node"
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}}
}

func TestAPlanIsPutOffForWhatOnlyTheStatusCounts(t *testing.T) {
	w := newWorld(t, web(1))
	pods := queue.PartEvents(snapshot.NewEmptyCache().SetsOf, w.r.due)
	create := func(listed bool) func(queue.Queue) {
		return func(q queue.Queue) {
			pods.Create(t.Context(), event.TypedCreateEvent[client.Object]{Object: member(t), IsInInitialList: listed}, q)
		}
	}
	update := func(was, is *corev1.Pod) func(queue.Queue) {
		return func(q queue.Queue) {
			pods.Update(t.Context(), event.TypedUpdateEvent[client.Object]{ObjectOld: was, ObjectNew: is}, q)
		}
	}
	remove := func(q queue.Queue) {
		pods.Delete(t.Context(), event.TypedDeleteEvent[client.Object]{Object: member(t)}, q)
	}
	for what, change := range map[string]struct {
		happen func(queue.Queue)
		in     []time.Duration
	}{
		"created":     {create(false), []time.Duration{timing.StatusDelay}},
		"in deletion": {update(member(t), member(t, deleted)), []time.Duration{timing.StatusDelay}},
		"placed":      {update(member(t), member(t, hasNode)), nil},
		"listed":      {create(true), []time.Duration{0}},
		"running":     {update(member(t), member(t, runs)), []time.Duration{0}},
		"gone":        {remove, []time.Duration{0}},
	} {
		q := &addedQueue{}
		change.happen(q)
		if !slices.Equal(q.in, change.in) {
			t.Errorf("a pod is %s: its set is to be planned in %v, want %v", what, q.in, change.in)
		}
	}
}

// Nobody else would wake a set whose caches have shown all that they had to with it.
func TestAChangeThatMeansNothingEndsAWaitForTheCaches(t *testing.T) {
	w := newWorld(t, web(1))
	w.settle()
	w.fallBehind()
	if _, _, err := w.reconcile(); err != nil {
		t.Fatal(err)
	}
	q := &addedQueue{}
	queue.PartEvents(snapshot.NewEmptyCache().SetsOf, w.r.due).Update(t.Context(), event.TypedUpdateEvent[client.Object]{ObjectOld: member(t), ObjectNew: member(t, hasNode)}, q)
	if !slices.Equal(q.in, []time.Duration{0}) {
		t.Errorf("the set is to be planned in %v, want at once", q.in)
	}
}
