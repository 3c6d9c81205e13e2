package sim

import (
	"fmt"
	"reflect"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// mostBehind is how far a status may be behind: a second, and what a plan and its
	// requests take.
	mostBehind = 1200 * time.Millisecond
	// recovery is for how long after a fault nothing is expected: the longest pause after
	// an error, and a little more.
	recovery = lastRetry + 10*time.Second
	// shortLag is how long an event is on its way where nothing is wrong.
	shortLag = 100 * time.Millisecond
)

var statusIsInTime = promise{
	sentence: "A set's status is not more than a second behind what the controller has heard.",
	step:     func(j *judge) string { return j.punctual() },
}

// punctuality is what a judge knows of how late statuses are.
type punctuality struct {
	faults  int                     // that there were
	excused time.Time               // until when a fault is one
	since   map[types.UID]time.Time // since when a set's written status has not been true
	written map[types.UID]*appsv1.StatefulSetStatus
}

func newPunctuality() punctuality {
	return punctuality{since: map[types.UID]time.Time{}, written: map[types.UID]*appsv1.StatefulSetStatus{}}
}

// punctual says which status is late.
func (j *judge) punctual() string {
	w, p, leader := j.w, &j.punctuality, j.w.leader()
	if j.excused() {
		clear(p.since)
		return ""
	}
	for _, name := range sortedKeys(leader.feeds[sets].seen) {
		set := leader.feeds[sets].seen[name].(*appsv1.StatefulSet)
		words := leader.misstated(set)
		if words == "" || !reflect.DeepEqual(p.written[set.UID], &set.Status) {
			delete(p.since, set.UID)
			p.written[set.UID] = &set.Status
		}
		if words == "" {
			continue
		}
		since, was := p.since[set.UID]
		if !was {
			p.since[set.UID] = w.now
		} else if late := w.now.Sub(since); late > mostBehind {
			return fmt.Sprintf("%s, for %s", words, late)
		}
	}
	return ""
}

// excused reports whether the leader cannot be in time, or could not until a while ago.
func (j *judge) excused() bool {
	w, p, leader := j.w, &j.punctuality, j.w.leader()
	if leader.skew != 0 { // and back again: where clocks do not only go forward, times lie ahead
		p.excused = w.now.Add(mostSkew + recovery)
	}
	isSlow := w.script.Faults.Slow > 0 && !w.calm
	if p.faults != w.counts.Faults || isSlow || leader.isBehind() {
		p.faults, p.excused = w.counts.Faults, latest(p.excused, w.now.Add(recovery))
	}
	return w.now.Before(p.excused) || w.fence != nil // where it may have to wait for that
}

// misstated says what is wrong with a set's status by what the controller has heard.
func (i *instance) misstated(set *appsv1.StatefulSet) string {
	if set.Status.ObservedGeneration != set.Generation {
		return fmt.Sprintf("the status of %s is of generation %d, and the set is at %d", set.Name, set.Status.ObservedGeneration, set.Generation)
	}
	said := ruling{i.feeds[policies].seen, i.feeds[revisions].seen}
	v := &view{ruling: said, set: set, pods: map[string]*corev1.Pod{}, now: i.w.now.Add(i.skew), looks: i.w.judge.looks}
	for name, object := range i.feeds[pods].seen {
		v.pods[name] = object.(*corev1.Pod)
	}
	return v.misstated(&set.Status)
}

// isBehind reports whether some watch is.
func (i *instance) isBehind() bool {
	for _, f := range i.feeds {
		if len(f.coming) > 0 && i.w.now.Sub(f.coming[0].Time) > shortLag {
			return true
		}
	}
	return false
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
