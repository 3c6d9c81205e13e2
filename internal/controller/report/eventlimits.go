package report

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"ordinal.dev/ordinal/internal/plan"
)

// newsAtOnce and newsPerSecond bound the events of what was done. Each costs a
// write, and gives way to those of the pods: when a thousand sets move, the news
// of most wait, and are fewer for it. Warnings never wait.
const newsAtOnce, newsPerSecond = 25, 10

// announce records what was done since it last did so, if there is room for news
// now. Otherwise it sets m.newsDue to when there will be.
func (r *Reporter) announce(set *appsv1.StatefulSet, m *Memory) {
	now, all := r.clock.Now(), merged(m.news)
	if m.newsDue.IsZero() && len(all) > 0 {
		m.newsDue = now.Add(r.newsLimit.ReserveN(now, min(len(all), newsAtOnce)).DelayFrom(now))
	}
	if m.newsDue.After(now) {
		return
	}
	for _, e := range all {
		record(r.recorder, set, e)
	}
	m.news, m.newsDue = nil, time.Time{}
}

// merged makes one event of those that have the same reason, and counts those that its
// note has no room for: an event for every pod would cost the API server as much as the
// pods, and client-go takes those of one reason and one version of the set for the same.
func merged(news []plan.Event) []plan.Event {
	const roomToCount = len("; and 1000000 more")
	var all []plan.Event
	more, last := []int{}, map[string]int{} // by index in all; by reason, that index
	for _, e := range news {
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

// untilNews is how long the news wait for room; zero if none do.
func (m *Memory) untilNews(now time.Time) time.Duration { return max(0, m.newsDue.Sub(now)) }
