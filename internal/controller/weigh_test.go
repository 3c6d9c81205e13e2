package controller

import (
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/revision"
)

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
	return stripped(pod)
}

func revisionOf(t *testing.T, set *appsv1.StatefulSet) *appsv1.ControllerRevision {
	t.Helper()
	r, err := revision.New(set, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func deleted(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }
func runs(p *corev1.Pod)    { p.Status.Phase = corev1.PodRunning }
func fails(p *corev1.Pod)   { p.Status.Phase = corev1.PodFailed }
func hasNoNode(p *corev1.Pod) {
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse}}
}
func hasNode(p *corev1.Pod) {
	p.Spec.NodeName = "node"
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}}
}
func isAnother(p *corev1.Pod)  { p.UID = "another" }
func isReleased(p *corev1.Pod) { p.OwnerReferences = nil }

func TestWhatAChangeOfAPodMeans(t *testing.T) {
	for what, change := range map[string]struct {
		was, is client.Object
		want    weight
	}{
		"it got a node":               {member(t), member(t, hasNode), nothing},
		"it was annotated":            {member(t), member(t, func(p *corev1.Pod) { p.Annotations = map[string]string{"note": "new"} }), nothing},
		"it got an address":           {member(t), member(t, func(p *corev1.Pod) { p.Status.PodIP = "10.0.0.1" }), nothing},
		"its spec's version":          {member(t), member(t, func(p *corev1.Pod) { p.Generation++ }), nothing},
		"it was created":              {nil, member(t), counted},
		"it is being deleted":         {member(t, runs), member(t, runs, deleted), counted},
		"it ends, in deletion":        {member(t, runs, deleted), member(t, runs, deleted, fails), counted},
		"no node takes it":            {member(t), member(t, hasNoNode), decisive},
		"it is another":               {member(t), member(t, isAnother), decisive},
		"it is another, in deletion":  {member(t), member(t, isAnother, deleted), decisive},
		"it is released, in deletion": {member(t, deleted), member(t, deleted, isReleased), decisive},
		"it lost its labels":          {member(t), member(t, func(p *corev1.Pod) { p.Labels = nil }), decisive},
		"it lost its owner":           {member(t), member(t, isReleased), decisive},
		"it runs":                     {member(t), member(t, runs), decisive},
		"it ends":                     {member(t, runs), member(t, runs, fails), decisive},
		"its claims changed":          {member(t), member(t, func(p *corev1.Pod) { p.Spec.Volumes = nil }), decisive},
		"it is shown again":           {member(t), member(t), decisive},
		"it came as an orphan":        {nil, member(t, isReleased), decisive},
		"it came running":             {nil, member(t, runs), decisive},
		"it came without a node":      {nil, member(t, hasNoNode), decisive},
		"a revision was created":      {nil, revisionOf(t, web(1)), counted},
		"a revision came orphaned":    {nil, &appsv1.ControllerRevision{}, decisive},
		"a revision changed":          {revisionOf(t, web(1)), revisionOf(t, web(1)), decisive},
		"a set came":                  {nil, web(1), decisive},
	} {
		if got := weigh(change.was, change.is); got != change.want {
			t.Errorf("%s: %d, want %d", what, got, change.want)
		}
	}
}

func TestWhatOnlyTheStatusCountsIsPlannedWhenTheStatusIsDue(t *testing.T) {
	w := newWorld(t, web(1))
	w.settle()
	at := func(passed time.Duration, want time.Duration, why string) {
		t.Helper()
		w.clock.Step(passed)
		if got := w.r.counted(webKey); got != want {
			t.Errorf("%s: to be planned in %s, want %s", why, got, want)
		}
	}
	at(0, statusDelay, "the first change")
	at(statusDelay/4, statusDelay*3/4, "another one")
	at(statusDelay, 0, "one that comes when the plan is late")
	if _, _, err := w.reconcile(); err != nil {
		t.Fatal(err)
	}
	at(0, statusDelay, "the first one after a plan")

	w.fallBehind()
	if _, _, err := w.reconcile(); err != nil {
		t.Fatal(err)
	}
	at(0, 0, "one that the caches were waited for to show")
}

func TestAStatusIsNoLaterForAPlanThatWasPutOff(t *testing.T) {
	w := newWorld(t, web(1))
	w.settle()
	pod := w.pod("web-0")
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning}
	if err := w.api.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	w.clock.Step(w.r.counted(webKey))
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

func TestAPlanIsPutOffForWhatOnlyTheStatusCounts(t *testing.T) {
	w := newWorld(t, web(1))
	pods := w.r.partEvents((&cachedView{}).concerns)
	create := func(listed bool) func(queue) {
		return func(q queue) {
			pods.Create(t.Context(), event.TypedCreateEvent[client.Object]{Object: member(t), IsInInitialList: listed}, q)
		}
	}
	update := func(was, is *corev1.Pod) func(queue) {
		return func(q queue) {
			pods.Update(t.Context(), event.TypedUpdateEvent[client.Object]{ObjectOld: was, ObjectNew: is}, q)
		}
	}
	remove := func(q queue) { pods.Delete(t.Context(), event.TypedDeleteEvent[client.Object]{Object: member(t)}, q) }
	for what, change := range map[string]struct {
		happen func(queue)
		in     []time.Duration
	}{
		"created":     {create(false), []time.Duration{statusDelay}},
		"in deletion": {update(member(t), member(t, deleted)), []time.Duration{statusDelay}},
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
	w.r.partEvents((&cachedView{}).concerns).Update(t.Context(), event.TypedUpdateEvent[client.Object]{ObjectOld: member(t), ObjectNew: member(t, hasNode)}, q)
	if !slices.Equal(q.in, []time.Duration{0}) {
		t.Errorf("the set is to be planned in %v, want at once", q.in)
	}
}
