package hooks

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"ordinal.dev/ordinal/internal/plan"
)

const (
	// atOnce is how many hooks run at a time, of all sets.
	atOnce = 64
	// keep is how long the end of a run is remembered: longer than any plan goes by it.
	keep = time.Hour
)

// An Answer is how a hook ended.
type Answer struct {
	OK     bool
	NotYet bool // it is to be asked again
	Output string
	Denied bool // the controller may not run it
}

// A Begin begins with a hook, and does not wait for its end: that is when it calls end, unless
// nobody is to know of it any more.
type Begin func(ctx context.Context, c plan.HookCall, end func(Answer))

// Beside runs each hook by call, within its time, in a goroutine of its own.
func Beside(call func(context.Context, plan.HookCall) Answer) Begin {
	slots := make(chan struct{}, atOnce)
	return func(ctx context.Context, c plan.HookCall, end func(Answer)) {
		go func() {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			case <-ctx.Done():
				return
			}
			limited, cancel := context.WithTimeout(ctx, c.Timeout)
			defer cancel()
			if a := call(limited, c); ctx.Err() == nil {
				end(a)
			}
		}()
	}
}

// Runner runs hooks. It is safe for concurrent use.
type Runner struct {
	begin Begin
	clock clock.PassiveClock
	wake  func(set types.NamespacedName)

	mu   sync.Mutex
	runs map[types.NamespacedName]map[which]plan.HookRun
}

// which is a hook about a pod.
type which struct {
	pod  types.UID
	name string
}

// NewRunner makes a runner that has begin run hooks, and wakes sets whose hooks have ended.
func NewRunner(begin Begin, clock clock.PassiveClock, wake func(types.NamespacedName)) *Runner {
	return &Runner{begin: begin, clock: clock, wake: wake, runs: map[types.NamespacedName]map[which]plan.HookRun{}}
}

// Start begins with a hook, unless it runs already, in the same pod. The context is that of the
// whole controller.
func (r *Runner) Start(ctx context.Context, set types.NamespacedName, c plan.HookCall) {
	hook := which{c.UID, c.Name}
	if run, begins := r.begins(set, hook, c); begins {
		r.begin(ctx, c, func(a Answer) { r.end(set, hook, run, a) })
	}
}

// begins notes that a hook begins, unless it runs already.
func (r *Runner) begins(set types.NamespacedName, hook which, c plan.HookCall) (run plan.HookRun, begins bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock.Now()
	before, has := r.runs[set][hook]
	if has && before.Ended.IsZero() && before.Revision == c.Revision && before.In == c.Pod.UID {
		return run, false
	}
	run = plan.HookRun{UID: c.UID, In: c.Pod.UID, Name: c.Name, Revision: c.Revision, Began: now, Since: now}
	if has && !before.OK && before.Revision == c.Revision {
		run.Since, run.Output = before.Since, before.Output
	}
	r.of(set)[hook] = run
	return run, true
}

// of are the runs for a set, without those of long ago. The lock is held.
func (r *Runner) of(set types.NamespacedName) map[which]plan.HookRun {
	if r.runs[set] == nil {
		r.runs[set] = map[which]plan.HookRun{}
	}
	old := r.clock.Now().Add(-keep)
	maps.DeleteFunc(r.runs[set], func(_ which, run plan.HookRun) bool { return !run.Ended.IsZero() && run.Ended.Before(old) })
	return r.runs[set]
}

// end notes how a run has ended.
func (r *Runner) end(set types.NamespacedName, hook which, run plan.HookRun, a Answer) {
	r.mu.Lock()
	run.Ended, run.OK, run.NotYet, run.Output, run.Denied = r.clock.Now(), a.OK, a.NotYet, a.Output, a.Denied
	if a.OK || a.NotYet {
		run.Since = run.Began
	}
	if now := r.runs[set][hook]; r.runs[set] != nil && now.Began.Equal(run.Began) && now.In == run.In { // neither forgotten nor begun anew
		r.runs[set][hook] = run
	}
	r.mu.Unlock()
	r.wake(set)
}

// Runs are the last runs of the hooks of a set, in any order.
func (r *Runner) Runs(set types.NamespacedName) []plan.HookRun {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Values(r.runs[set]))
}

// Forget forgets the runs for a set that is gone.
func (r *Runner) Forget(set types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.runs, set)
}
