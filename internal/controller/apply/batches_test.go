package apply

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	testingclock "k8s.io/utils/clock/testing"
)

// slowly makes each batch take so long, and returns the sizes of those there were.
func (w *world) slowly(took time.Duration) *[]int {
	var sizes []int
	w.writer.Each = func(n int, do func(int)) {
		sizes = append(sizes, n)
		InParallel(n, do)
		w.Clock.Step(took)
	}
	return &sizes
}

func TestAnExecutionThatTakesItsTimeEndsAndTheNextGoesOnAsItWouldHave(t *testing.T) {
	w, actions := worldToFill(t, 50)
	sizes := w.slowly(longestExecution / 2)
	var executions [][]int
	for left, ranOut := actions, true; ranOut; {
		*sizes = nil
		result, err := w.carryOut(left...)
		if err != nil {
			t.Fatal(err)
		}
		left, ranOut = result.Undone, result.RanOut
		executions = append(executions, *sizes)
	}
	if diff := cmp.Diff([][]int{{1, 2}, {4, 8}, {16, 19}}, executions); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	if n := len(w.PodNames()); n != 50 {
		t.Errorf("%d pods, want 50", n)
	}
	if w.memory.next != (pacing{}) {
		t.Errorf("the next plan's writes begin with %d at a time", w.memory.next.size)
	}
}

func TestAnExecutionBehindASlowWebhookWritesMoreThanUsual(t *testing.T) {
	w, actions := worldToFill(t, 150)
	sizes := w.slowly(time.Second)
	for left, ranOut := actions, true; ranOut; {
		result, err := w.carryOut(left...)
		if err != nil {
			t.Fatal(err)
		}
		left, ranOut = result.Undone, result.RanOut
	}
	if want := []int{1, 2, 4, 8, 16, 32, 64, 23}; !slices.Equal(*sizes, want) {
		t.Errorf("batches of %v, want %v", *sizes, want)
	}
}

// What a webhook takes ten seconds to refuse must not keep the rest waiting for ever.
func TestAnExecutionThatHasDoneNothingGoesOn(t *testing.T) {
	w, actions := worldToFill(t, 5)
	w.slowly(10 * longestExecution)
	w.Refuse["create pods"] = errQuota
	once := w.writer.Each
	w.writer.Each = func(n int, do func(int)) {
		once(n, do)
		delete(w.Refuse, "create pods")
	}
	result, err := w.carryOut(actions...)
	if !errors.Is(err, errQuota) || !result.RanOut {
		t.Errorf("ran out of time: %t, err = %v", result.RanOut, err)
	}
	if got, want := w.PodNames(), []string{"web-1", "web-2"}; !slices.Equal(got, want) {
		t.Errorf("pods %v, want %v", got, want)
	}
	var names []string
	for _, a := range result.Undone {
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

func TestWhatGoesInOrderEndsWithTheExecutionToo(t *testing.T) {
	w, actions := worldToFill(t, 5)
	for i := range actions {
		actions[i].InTurn = true
	}
	w.writer.Clock = steppingClock{w.Clock, longestExecution / 2}
	result, err := w.carryOut(actions...)
	if err != nil || !result.RanOut || len(result.Undone) == 0 {
		t.Errorf("%d undone, ran out of time: %t, err = %v", len(result.Undone), result.RanOut, err)
	}
	if got, want := w.PodNames(), []string{"web-0", "web-1"}; !slices.Equal(got, want) {
		t.Errorf("pods %v, want %v", got, want)
	}
}

func TestBatchesGrowAndBeginAnewAfterARefusal(t *testing.T) {
	w, actions := worldToFill(t, 20)
	var sizes []int
	w.writer.Each = func(n int, do func(int)) {
		sizes = append(sizes, n)
		for i := range n {
			if n == 4 && i == 0 { // the first of the batch of four, each time there is one
				w.Refuse["create pods"] = errQuota
			}
			do(i)
			delete(w.Refuse, "create pods")
		}
	}
	if err := w.do(actions...); !errors.Is(err, errQuota) {
		t.Errorf("err = %v", err)
	}
	if want := []int{1, 2, 4, 2, 4, 2, 4}; !slices.Equal(sizes, want) { // the third refusal ends it
		t.Errorf("batches of %v, want %v", sizes, want)
	}
}
