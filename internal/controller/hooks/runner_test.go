package hooks

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"ordinal.dev/ordinal/internal/plan"
)

var (
	web = types.NamespacedName{Namespace: "default", Name: "web"}
	pod = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-0", UID: "uid-web-0"}}
)

// app answers hooks, each after a second, and counts them.
type app struct {
	answer Answer
	calls  atomic.Int32
	woken  atomic.Int32
}

func (a *app) call(ctx context.Context, _ plan.HookCall) Answer {
	a.calls.Add(1)
	select {
	case <-time.After(time.Second):
		return a.answer
	case <-ctx.Done():
		return Answer{Output: "too late"}
	}
}

func (a *app) runner() *Runner {
	return NewRunner(Beside(a.call), clock.RealClock{}, func(types.NamespacedName) { a.woken.Add(1) })
}

func only(t *testing.T, r *Runner) plan.HookRun {
	t.Helper()
	runs := r.Runs(web)
	if len(runs) != 1 {
		t.Fatalf("%d runs, want 1", len(runs))
	}
	return runs[0]
}

func TestAHookRunsBesideAndWakesItsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &app{answer: Answer{OK: true, Output: "primary"}}
		r := a.runner()
		for range 3 { // plans repeat themselves
			r.Start(t.Context(), web, plan.HookCall{Name: "role", Pod: pod, Revision: "web-B", Timeout: time.Minute})
		}
		if run := only(t, r); !run.Ended.IsZero() || run.OK {
			t.Errorf("it has ended already: %+v", run)
		}
		synctest.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		if run := only(t, r); !run.OK || run.Output != "primary" || run.Ended.Sub(run.Began) != time.Second {
			t.Errorf("it ended as %+v", run)
		}
		if a.calls.Load() != 1 || a.woken.Load() != 1 {
			t.Errorf("called %d times, woken %d times, want once each", a.calls.Load(), a.woken.Load())
		}
	})
}

func TestWhatFailsIsKnownSinceItFirstDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &app{answer: Answer{Output: "3 MB behind"}}
		r, began := a.runner(), time.Now()
		c := plan.HookCall{Name: "inSync", Pod: pod, Revision: "web-B", Timeout: time.Minute}
		for range 2 {
			r.Start(t.Context(), web, c)
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		if run := only(t, r); run.OK || !run.Since.Equal(began) || run.Began.Equal(began) || run.Output != "3 MB behind" {
			t.Errorf("the second failure is %+v", run)
		}
		r.Start(t.Context(), web, c)
		if run := only(t, r); run.Output != "3 MB behind" {
			t.Errorf("while it is asked again, what it said last is %q", run.Output)
		}
		c.Revision = "web-C"
		r.Start(t.Context(), web, c)
		if run := only(t, r); run.Output != "" || run.Since.Equal(began) {
			t.Errorf("another roll-out begins with %+v", run)
		}
		time.Sleep(time.Minute)
	})
}

// What is not done yet has not failed: what fails later has not failed since then.
func TestWhatIsNotDoneYetHasNotFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &app{answer: Answer{NotYet: true, Output: "14 shards left"}}
		r, c := a.runner(), plan.HookCall{Name: plan.LeaveHook, Pod: pod, UID: "uid-web-3", Timeout: time.Minute}
		for range 3 {
			r.Start(t.Context(), web, c)
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		run := only(t, r)
		if !run.NotYet || run.OK || !run.Since.Equal(run.Began) || run.Output != "14 shards left" || run.UID != "uid-web-3" || run.In != pod.UID {
			t.Errorf("it ended as %+v", run)
		}
	})
}

// A peer may be lost while a hook runs in it.
func TestAHookIsBegunAnewInAnotherPod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &app{answer: Answer{OK: true}}
		r, c := a.runner(), plan.HookCall{Name: plan.LeaveHook, Pod: pod, UID: "uid-web-3", Timeout: time.Minute}
		r.Start(t.Context(), web, c)
		c.Pod = pod.DeepCopy()
		c.Pod.UID = "uid-web-1"
		r.Start(t.Context(), web, c)
		time.Sleep(time.Minute)
		synctest.Wait()
		if run := only(t, r); !run.OK || run.In != "uid-web-1" || a.calls.Load() != 2 {
			t.Errorf("called %d times, it ended as %+v", a.calls.Load(), run)
		}
	})
}

func TestAHookHasItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := (&app{answer: Answer{OK: true}}).runner()
		r.Start(t.Context(), web, plan.HookCall{Name: "role", Pod: pod, Timeout: time.Millisecond})
		time.Sleep(time.Second)
		synctest.Wait()
		if run := only(t, r); run.OK || run.Output != "too late" {
			t.Errorf("it ended as %+v", run)
		}
	})
}

func TestRunsOfASetThatIsGoneAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := (&app{answer: Answer{OK: true}}).runner()
		r.Start(t.Context(), web, plan.HookCall{Name: "role", Pod: pod, Timeout: time.Minute})
		r.Forget(web)
		time.Sleep(time.Minute)
		synctest.Wait()
		if runs := r.Runs(web); len(runs) > 0 {
			t.Errorf("%v is remembered", runs)
		}
	})
}
