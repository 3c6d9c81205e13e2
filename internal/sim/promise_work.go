package sim

import "fmt"

const (
	// What the controller may write: some for every set, and some for every change
	// and every fault, since each may make a plan void.
	writesForNothing = 20
	writesForChange  = 4
	// What two that lead may write whose clocks differ, since the status of minReadySeconds
	// is another to each: for each second that both do.
	writesInDispute = 2
	// What it may try in vain: what a quota does not allow, say. Each instance that
	// starts may try often at first.
	refusalsAMinute = 12
	refusalsAtFirst = 60
)

var workIsBounded = promise{
	sentence: "The controller does not write out of proportion to what has happened.",
	step: func(j *judge) string {
		may := writesForNothing + writesForChange*(j.changes+j.w.counts.Faults) + writesInDispute*int(j.w.disputed.Seconds())
		if j.w.counts.Writes > may {
			return fmt.Sprintf("the controller has made %d writes after %d changes and %d faults", j.w.counts.Writes, j.changes, j.w.counts.Faults)
		} else if may += refusalsAtFirst*len(j.w.instances) + refusalsAMinute*int(j.w.now.Sub(epoch).Minutes()); j.w.counts.Refused > may {
			return fmt.Sprintf("the controller has tried %d times in vain in %s", j.w.counts.Refused, j.w.now.Sub(epoch))
		}
		return ""
	},
}
