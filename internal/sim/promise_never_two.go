package sim

import (
	"fmt"
	"time"

	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var neverTwo = promise{
	sentence: "Never two: nothing is written before all API servers keep the in-tree controller out, nor once it is seen that they do not.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		if by == nil || j.w.fence == nil {
			return ""
		}
		return j.w.fence.mayWrite(by, j.w.now)
	},
}

// mayWrite says why an instance may not write where the in-tree controller may, by what the
// instance had seen of the fence when it sent the write. What has changed since it cannot
// know.
func (f *fencing) mayWrite(by *instance, now time.Time) string {
	seen, is := by.fenceSent, f.changes[len(f.changes)-1]
	if is.up() && !now.Before(is.settled) {
		return ""
	}
	if seen == 0 {
		return fmt.Sprintf("%s writes, and has not seen any fence", by.name)
	}
	c := f.changes[seen-1]
	if !c.up() {
		return fmt.Sprintf("%s writes, and has seen that the fence is not there: label %t, policy %t, binding %t", by.name, c.labelled, c.policy, c.binding)
	}
	until := now // for as long as it was so
	for _, later := range f.changes[seen:] {
		if !later.up() {
			until = later.at
			break
		}
	}
	if until.Before(c.settled) {
		return fmt.Sprintf("%s writes %s before all API servers go by the fence", by.name, c.settled.Sub(now))
	}
	return ""
}
