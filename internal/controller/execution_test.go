package controller

import (
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/apply"
	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/controller/timing"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// longestExecution is about how long a plan's writes take before the next plan is made.
const longestExecution = timing.StatusDelay * 3 / 10

// slowly makes each batch take so long.
func (w *world) slowly(took time.Duration) {
	w.r.writer.Each = func(n int, do func(int)) {
		apply.InParallel(n, do)
		w.Clock.Step(took)
	}
}

func TestTheStatusOfASetThatGetsManyPodsIsWrittenBetweenExecutions(t *testing.T) {
	set := web(100)
	set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	w := newWorld(t, set)
	w.slowly(longestExecution / 2)
	var told []int32 // how many pods the status counts, after each execution
	for range 3 {
		writes, result, err := w.reconcile()
		if err != nil {
			t.Fatal(err)
		}
		if result.RequeueAfter != goOn {
			t.Errorf("comes back in %s, want %s", result.RequeueAfter, goOn)
		}
		if last := writes[len(writes)-1]; last != "status statefulsets web" {
			t.Errorf("the execution ends with %s", last)
		}
		told = append(told, w.Set().Status.Replicas)
	}
	if want := []int32{0, 3, 15}; !slices.Equal(told, want) { // before 1+2, 4+8 and 16+32
		t.Errorf("the status counts %v pods, want %v", told, want)
	}
}

func TestARefusalLastsUntilThereWasTimeForAll(t *testing.T) {
	objects, actions := []client.Object{web(3)}, make([]plan.Action, 5)
	for i := range actions {
		objects = append(objects, claimOf(i))
		actions[i] = plan.Action{Verb: plan.Create, Object: orphan(i)}
	}
	w := newWorld(t, objects...)
	w.slowly(longestExecution)
	m := w.r.memories.of(webKey)
	w.r.reporter.WritesOf(w.Set(), &m.report).Refused(kinds.Pod, "web-5", plan.Event{Reason: "FailedCreate"}, false, true)
	s := &setSync{reconciler: w.r, key: webKey, memory: m, snapshot: plan.Snapshot{Set: w.Set()}, plan: plan.Plan{Actions: actions}}
	if _, err := s.applyPlan(t.Context()); err != nil || s.applyErr != nil || !s.ranOut || m.report.Refused() == nil {
		t.Errorf("ran out of time: %t, err = %v, %v, refused: %v", s.ranOut, err, s.applyErr, m.report.Refused())
	}
}

// A pod that was not replaced for want of time has not failed once more: it would be
// kept for another pause.
func TestOnlyAPodThatIsReplacedCountsAsFailed(t *testing.T) {
	set := web(7)
	set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	w := newWorld(t, set)
	w.settle()
	for _, pod := range w.Pods() {
		pod.Status.Phase = corev1.PodFailed
		if err := w.API.Status().Update(t.Context(), &pod); err != nil {
			t.Fatal(err)
		}
	}
	m := w.r.memories.of(webKey)
	long := plan.Failure{Count: 1, Last: w.Clock.Now().Add(-time.Hour)}
	m.failures = map[int]plan.Failure{0: long, 6: long}
	w.slowly(longestExecution / 2)
	writes, _, err := w.reconcile()
	if err != nil {
		t.Fatal(err)
	}
	replaced := 0
	for ordinal := range 7 {
		before := map[int]int{0: 1, 6: 1}[ordinal]
		if slices.ContainsFunc(writes, func(write string) bool {
			return strings.HasPrefix(write, "delete pods "+identity.PodName("web", ordinal))
		}) {
			replaced++
			before++
		}
		if got := m.failures[ordinal].Count; got != before {
			t.Errorf("ordinal %d counts %d failures, want %d", ordinal, got, before)
		}
	}
	if replaced != 3 {
		t.Errorf("%d pods were replaced in this execution, want 3: %v", replaced, writes)
	}
}
