package sim

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/controller/hooks"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// hookRunner is the real runner of a controller's hooks, with the simulated application to run
// them. What it remembers is gone with the process.
func (i *instance) hookRunner() *hooks.Runner {
	return hooks.NewRunner(i.beginHook, link{i: i}, func(set types.NamespacedName) { i.enqueue(set, 0) })
}

func (i *instance) beginHook(_ context.Context, c plan.HookCall, end func(hooks.Answer)) {
	set, _, _ := identity.Parse(c.About)
	i.w.judge.begun(i, c)
	i.w.judge.asked(i, c)
	i.w.tell("runs hook %s in %s", c.Name, c.Pod.Name)
	i.runHook(set, c, func(a hooks.Answer) {
		i.w.judge.ended(i, c, a)
		if !i.dead {
			i.w.tell("%s hears of hook %s: %t %s", i.name, c.Name, a.OK, a.Output)
			end(a)
		}
	})
}

// answer is what the application makes of a hook, and when. Once the faults are over it does
// what it is asked.
func (w *World) answer(set string, c plan.HookCall, end func(hooks.Answer)) {
	takes, fate := w.between("hooks", 20*time.Millisecond, 3*time.Second), w.rand("hooks").IntN(10)
	switch {
	case w.calm || fate < 6:
		w.after(takes, "member of "+set, func() { w.handOver(set, c, 0); end(hooks.Answer{OK: true}) })
	case fate == 6: // what it says to who has it promoted comes true late
		w.after(takes, "member of "+set, func() { w.handOver(set, c, w.between("hooks", 0, time.Minute)); end(hooks.Answer{OK: true}) })
	case fate == 7: // done, and the answer is lost
		w.after(takes, "member of "+set, func() { w.handOver(set, c, 0) })
		w.after(c.Timeout, "member of "+set, func() { end(hooks.Answer{Output: "no answer"}) })
	case fate == 8:
		w.after(takes, "member of "+set, func() { end(hooks.Answer{Output: "not now"}) })
	default:
		w.after(c.Timeout, "member of "+set, func() { end(hooks.Answer{Output: "it hangs"}) })
	}
}

// handOver has the pod that a hook names become the leader, in a while.
func (w *World) handOver(set string, c plan.HookCall, late time.Duration) {
	crew := w.crews[set]
	if c.Name != plan.HandOverHook || crew == nil {
		return
	}
	to := c.Exec.Command[len(c.Exec.Command)-1]
	w.after(late, "member of "+set, func() {
		if object, err := w.api.Get(pods, keyOf(to)); err == nil && crew.leader == c.UID {
			crew.leader = object.GetUID()
			w.electSoon(set)
		}
	})
}
