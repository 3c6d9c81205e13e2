package sim

import (
	"context"
	"fmt"
	"time"

	"ordinal.dev/ordinal/internal/plan"
)

var doneAtOnce = promise{
	sentence: "What may be done is done within a second, and not when something else happens.",
	step:     func(j *judge) string { return j.idle() },
}

// idle says what the controller leaves undone. It is looked for once in each silence:
// when a controller has not heard of anything, nor looked at a set, for so long that it
// will not do either.
func (j *judge) idle() string {
	w, leader := j.w, j.w.leader()
	if j.excused() || leader.busy || leader.heard.Equal(j.silence) || w.now.Sub(leader.heard) <= mostBehind {
		return ""
	}
	j.silence = leader.heard
	for _, name := range sortedKeys(leader.feeds[sets].seen) {
		set := keyOf(name)
		due, isDue := leader.due[set]
		if leader.failures[set] > 0 || w.now.Sub(leader.looked[set]) <= mostBehind || isDue && !due.After(w.now.Add(mostBehind)) {
			continue
		}
		for _, a := range leader.engine.Due(context.Background(), set) {
			if a.Verb == plan.RunHook {
				continue // answers grow old, and who waits for something else asks anew when that is there
			}
			return fmt.Sprintf("to %s %s %s is due since %s at least, because %s", a.Verb, a.Kind(), a.Object.GetName(),
				w.now.Sub(latest(leader.heard, leader.looked[set])).Round(time.Millisecond), a.Why)
		}
	}
	return ""
}
