package controller

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/time/rate"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"ordinal.dev/ordinal/internal/plan"
)

const (
	// longestNote keeps a note within the 1024 bytes that the API allows.
	longestNote = 1000
	// newsAtOnce and newsPerSecond bound the events of what was done. Each costs a
	// write, and gives way to those of the pods: when a thousand sets move, the news
	// of most wait, and are fewer for it. Warnings never wait.
	newsAtOnce, newsPerSecond = 25, 10
)

func newNewsLimit() *rate.Limiter { return rate.NewLimiter(newsPerSecond, newsAtOnce) }

// Recorder records events; it is the half of client-go's that is needed.
type Recorder interface {
	Eventf(regarding, related runtime.Object, eventtype, reason, action, note string, args ...any)
}

// warn records each warning once for as long as it holds, or as events are kept. It
// returns when one is to be recorded again; zero without any.
func (r *reconciler) warn(set *appsv1.StatefulSet, events []plan.Event, m *memory) (repeat time.Duration) {
	now, holding := r.clock.Now(), map[plan.Event]time.Time{}
	for _, e := range events {
		if _, has := holding[e]; has {
			continue
		}
		at, has := m.warned[e]
		if !has || now.Sub(at) >= repeatAfter {
			record(r.recorder, set, e)
			at = now
		}
		holding[e] = at
		repeat = soonest(repeat, at.Add(repeatAfter).Sub(now))
	}
	m.warned = holding
	return repeat
}

// announce records what was done since it last did so, if there is room for news
// now. Otherwise it sets m.newsDue to when there will be.
func (r *reconciler) announce(set *appsv1.StatefulSet, m *memory) {
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

// record turns an event of a plan into one of Kubernetes. What happens to one pod or claim
// again and again, or is wrong with the set for long, is one event with a count:
// client-go counts those that differ in their note only. It would tell sets apart
// by their resourceVersion, which is therefore left out.
func record(to Recorder, set *appsv1.StatefulSet, e plan.Event) {
	kind := corev1.EventTypeNormal
	if e.Warning {
		kind = corev1.EventTypeWarning
	}
	regarding := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: set.Namespace, Name: set.Name, UID: set.UID}}
	if !e.Warning && e.Pod == "" && e.Claim == "" {
		regarding.ResourceVersion = set.ResourceVersion
	}
	var related runtime.Object
	switch {
	case e.Pod != "":
		related = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: set.Namespace, Name: e.Pod}}
	case e.Claim != "":
		related = &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: set.Namespace, Name: e.Claim}}
	}
	to.Eventf(regarding, related, kind, e.Reason, "Reconcile", "%s", shorten(e.Message))
}

func shorten(note string) string {
	if len(note) <= longestNote {
		return note
	}
	return strings.ToValidUTF8(note[:longestNote], "") + "…"
}
