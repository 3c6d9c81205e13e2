package controller

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	testingclock "k8s.io/utils/clock/testing"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// slowly makes each batch take so long, and returns the sizes of those there were.
func (w *world) slowly(took time.Duration) *[]int {
	var sizes []int
	w.r.executor.each = func(n int, do func(int)) {
		sizes = append(sizes, n)
		inParallel(n, do)
		w.clock.Step(took)
	}
	return &sizes
}

func TestAPassThatTakesItsTimeEndsAndTheNextGoesOnAsItWouldHave(t *testing.T) {
	w, actions := worldToFill(t, 50)
	sizes := w.slowly(longestPass / 2)
	m := w.r.memories.of(webKey)
	var passes [][]int
	for left, ranOut := actions, true; ranOut; {
		*sizes = nil
		var err error
		if left, ranOut, err = w.r.executor.do(t.Context(), w.set(), left, m); err != nil {
			t.Fatal(err)
		}
		passes = append(passes, *sizes)
	}
	if diff := cmp.Diff([][]int{{1, 2}, {4, 8}, {16, 19}}, passes); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	if n := len(w.podNames()); n != 50 {
		t.Errorf("%d pods, want 50", n)
	}
	if m.batch != (pacing{}) {
		t.Errorf("the next plan's writes begin with %d at a time", m.batch.size)
	}
}

func TestMoreAreWrittenAtATimeWhereThatIsFaster(t *testing.T) {
	const webhook = time.Second
	for name, test := range map[string]struct {
		took func(n int) time.Duration // by a batch of n
		want []int                     // the sizes of the first batches
	}{
		"a webhook takes a second":             {func(int) time.Duration { return webhook }, []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 512, 512}},
		"a server does a hundred in a second":  {func(n int) time.Duration { return time.Duration(n) * 10 * time.Millisecond }, []int{1, 2, 4, 8, 16, 32, 32, 32}},
		"a server answers fast":                {func(int) time.Duration { return 10 * time.Millisecond }, []int{1, 2, 4, 8, 16, 32, 32, 32}},
		"a webhook does a hundred in a second": {func(n int) time.Duration { return max(webhook, time.Duration(n)*10*time.Millisecond) }, []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 128, 128}},
	} {
		t.Run(name, func(t *testing.T) {
			p := pacing{size: 1}
			for i, want := range test.want {
				if p.size != want {
					t.Errorf("batch %d is of %d, want %d", i+1, p.size, want)
				}
				p = p.after(test.took(p.size))
			}
		})
	}
}

func TestAPassBehindASlowWebhookWritesMoreThanUsual(t *testing.T) {
	w, actions := worldToFill(t, 150)
	sizes := w.slowly(time.Second)
	for left, ranOut := actions, true; ranOut; {
		var err error
		if left, ranOut, err = w.r.executor.do(t.Context(), w.set(), left, w.r.memories.of(webKey)); err != nil {
			t.Fatal(err)
		}
	}
	if want := []int{1, 2, 4, 8, 16, 32, 64, 23}; !slices.Equal(*sizes, want) {
		t.Errorf("batches of %v, want %v", *sizes, want)
	}
}

func TestFewerAreWrittenAtATimeWhenThatHasBecomeSlower(t *testing.T) {
	p := pacing{size: 128, last: 128, each: time.Second / 128}
	p = p.after(3 * time.Second)
	if p.size != 64 {
		t.Errorf("%d at a time, want 64", p.size)
	}
}

// What a webhook takes ten seconds to refuse must not keep the rest waiting for ever.
func TestAPassThatHasDoneNothingGoesOn(t *testing.T) {
	w, actions := worldToFill(t, 5)
	w.slowly(10 * longestPass)
	w.refuse["create pods"] = errQuota
	once := w.r.executor.each
	w.r.executor.each = func(n int, do func(int)) {
		once(n, do)
		delete(w.refuse, "create pods")
	}
	undone, ranOut, err := w.r.executor.do(t.Context(), w.set(), actions, w.r.memories.of(webKey))
	if !errors.Is(err, errQuota) || !ranOut {
		t.Errorf("ran out of time: %t, err = %v", ranOut, err)
	}
	if got, want := w.podNames(), []string{"web-1", "web-2"}; !slices.Equal(got, want) {
		t.Errorf("pods %v, want %v", got, want)
	}
	var names []string
	for _, a := range undone {
		names = append(names, a.Object.GetName())
	}
	if want := []string{"web-0", "web-3", "web-4"}; !slices.Equal(names, want) {
		t.Errorf("undone are %v, want %v", names, want)
	}
}

// steppingClock goes on by a step each time somebody looks at it.
type steppingClock struct {
	*testingclock.FakeClock
	step time.Duration
}

func (c steppingClock) Now() time.Time {
	defer c.Step(c.step)
	return c.FakeClock.Now()
}

func TestWhatGoesInOrderEndsWithThePassToo(t *testing.T) {
	w, actions := worldToFill(t, 5)
	for i := range actions {
		actions[i].InTurn = true
	}
	w.r.executor.clock = steppingClock{w.clock, longestPass / 2}
	undone, ranOut, err := w.r.executor.do(t.Context(), w.set(), actions, &memory{})
	if err != nil || !ranOut || len(undone) == 0 {
		t.Errorf("%d undone, ran out of time: %t, err = %v", len(undone), ranOut, err)
	}
	if got, want := w.podNames(), []string{"web-0", "web-1"}; !slices.Equal(got, want) {
		t.Errorf("pods %v, want %v", got, want)
	}
}

func TestTheStatusOfASetThatGetsManyPodsIsWrittenBetweenPasses(t *testing.T) {
	set := web(100)
	set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	w := newWorld(t, set)
	w.slowly(longestPass / 2)
	var told []int32 // how many pods the status counts, after each pass
	for range 3 {
		writes, result, err := w.reconcile()
		if err != nil {
			t.Fatal(err)
		}
		if result.RequeueAfter != goOn {
			t.Errorf("comes back in %s, want %s", result.RequeueAfter, goOn)
		}
		if last := writes[len(writes)-1]; last != "status statefulsets web" {
			t.Errorf("the pass ends with %s", last)
		}
		told = append(told, w.set().Status.Replicas)
	}
	if want := []int32{0, 3, 15}; !slices.Equal(told, want) { // before 1+2, 4+8 and 16+32
		t.Errorf("the status counts %v pods, want %v", told, want)
	}
}

func TestARefusalLastsUntilThereWasTimeForAll(t *testing.T) {
	w, actions := worldToFill(t, 5)
	w.slowly(longestPass)
	m := w.r.memories.of(webKey)
	m.refused = &plan.Refusal{Reason: "FailedCreate"}
	made := &plan.Plan{Actions: actions}
	if ranOut, err := w.r.act(t.Context(), w.set(), made, m); err != nil || !ranOut || m.refused == nil {
		t.Errorf("ran out of time: %t, err = %v, refused: %v", ranOut, err, m.refused)
	}
}

// A pod that was not replaced for want of time has not failed once more: it would be
// kept for another pause.
func TestOnlyAPodThatIsReplacedCountsAsFailed(t *testing.T) {
	set := web(7)
	set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	w := newWorld(t, set)
	w.settle()
	for _, pod := range w.pods() {
		pod.Status.Phase = corev1.PodFailed
		if err := w.api.Status().Update(t.Context(), &pod); err != nil {
			t.Fatal(err)
		}
	}
	m := w.r.memories.of(webKey)
	long := plan.Failure{Count: 1, Last: w.clock.Now().Add(-time.Hour)}
	m.failures = map[int]plan.Failure{0: long, 6: long}
	w.slowly(longestPass / 2)
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
		t.Errorf("%d pods were replaced in this pass, want 3: %v", replaced, writes)
	}
}
