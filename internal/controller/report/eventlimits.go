package report

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"ordinal.dev/ordinal/internal/plan"
)

// eventsAtOnce and eventsPerSecond limit the events of what was done, of all sets
// together. Each costs a write, and gives way to those of the pods: when a thousand sets
// move, the events of most wait, and are merged into fewer. Warnings are not limited.
const eventsAtOnce, eventsPerSecond = 25, 10

// recordDone records what was done since it last did so, if the rate limit lets it now.
// Otherwise it sets m.roomDue to when it will.
func (r *Reporter) recordDone(set *appsv1.StatefulSet, m *Memory) {
	now, all := r.clock.Now(), merged(m.unrecorded)
	if m.roomDue.IsZero() && len(all) > 0 {
		m.roomDue = now.Add(r.eventLimit.ReserveN(now, min(len(all), eventsAtOnce)).DelayFrom(now))
	}
	if m.roomDue.After(now) {
		return
	}
	for _, e := range all {
		record(r.recorder, set, e)
	}
	m.unrecorded, m.roomDue = nil, time.Time{}
}

// merged makes one event of those that have the same reason, and counts those that its
// note has no room for: an event for every pod would cost the API server as much as the
// pods, and client-go takes those of one reason and one version of the set for the same.
func merged(done []plan.Event) []plan.Event {
	const roomToCount = len("; and 1000000 more")
	var all []plan.Event
	more, last := []int{}, map[string]int{} // by index in all; by reason, that index
	for _, e := range done {
		i, ok := last[e.Reason]
		if !ok {
			last[e.Reason] = len(all)
			all, more = append(all, e), append(more, 0)
			continue
		}
		if all[i].Pod != e.Pod || all[i].Claim != e.Claim {
			all[i].Pod, all[i].Claim = "", ""
		}
		if more[i] > 0 || len(all[i].Message)+len("; ")+len(e.Message) > longestNote-roomToCount {
			more[i]++
			continue
		}
		all[i].Message += "; " + e.Message
	}
	for i, n := range more {
		if n > 0 {
			all[i].Message += fmt.Sprintf("; and %d more", n)
		}
	}
	return all
}

// untilRoom is how long events wait for the rate limit; zero if none do.
func (m *Memory) untilRoom(now time.Time) time.Duration { return max(0, m.roomDue.Sub(now)) }
