package controller

import (
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/revision"
)

// memory is what the controller remembers of one set between plans. All of it
// may be lost at any time: a new instance starts without. One worker at a time
// uses a set's memory; only the expectations are shared by its writes, and what is
// unplanned by those who hear of changes.
type memory struct {
	uid          types.UID // of the set, not only of its name
	firstSeen    time.Time
	uncertain    bool      // the last write may have been made, or not
	caughtUp     bool      // the caches show what was so at a look since the last doubt
	looked       *look     // what the API server showed, until the caches do too; nil when it must be asked
	staleSince   time.Time // since when the caches have not shown what was expected
	lost         string    // the revision that was looked for in vain; see lostRevision
	expectations expectations
	batch        pacing // of the writes that a pass which ran out of time would have made next
	failures     map[int]plan.Failure
	healed       []int
	refused      *plan.Refusal
	refusals     map[refused]warning      // what was last recorded of each
	planned      *plan.Refusal            // the one that the present plan knows of
	told         *plan.Refusal            // the one that the written status tells of
	warned       map[plan.Event]time.Time // when warnings that hold were recorded last
	news         []plan.Event             // what was done, and is not recorded yet
	newsDue      time.Time                // when there is room for the news; zero before that is known
	changedAt    time.Time                // when the first change came that the present plan was made for
	behindSince  time.Time                // since when the written status or the events are out of date
	conflicts    int                      // plans in a row that somebody else's write made void
	template     []byte                   // the revision.Data of the set as of generation; may be nil
	generation   int64
	unplanned    unplanned
}

// templateOf is the set's pod template as its revision records it. To encode it for
// every plan would cost as much as the rest of planning.
func (m *memory) templateOf(set *appsv1.StatefulSet) []byte {
	if m.template == nil || m.generation != set.Generation {
		data, err := revision.Data(set)
		if err != nil {
			data = nil // the plan meets the same error, and tells of it
		}
		m.template, m.generation = data, set.Generation
	}
	return m.template
}

// doubt gives up what the caches are expected to show when they have not for longestStale,
// so that the set is looked at afresh, and reports whether it did. They may be behind,
// and are waited for again then. Or what was expected will never be: a proxy may have
// answered that an object is gone, which is still there.
func (m *memory) doubt(now time.Time) bool {
	if m.staleSince.IsZero() {
		m.staleSince = now
	}
	if now.Sub(m.staleSince) < longestStale {
		return false
	}
	m.expectations.reset()
	m.staleSince, m.uncertain = time.Time{}, true
	m.lookAfresh()
	return true
}

// lookAfresh has the API server asked before anything else is done.
func (m *memory) lookAfresh() { m.caughtUp, m.looked = false, nil }

// untilNews is how long the news wait for room; zero if none do.
func (m *memory) untilNews(now time.Time) time.Duration { return max(0, m.newsDue.Sub(now)) }

// memories holds the memory of every set.
type memories struct{ m sync.Map }

func (ms *memories) of(set types.NamespacedName) *memory {
	m, has := ms.m.Load(set)
	if !has {
		m, _ = ms.m.LoadOrStore(set, &memory{})
	}
	return m.(*memory)
}

// renew replaces what is remembered of an earlier set of this name.
func (ms *memories) renew(set types.NamespacedName, uid types.UID, now time.Time) *memory {
	m := &memory{uid: uid, firstSeen: now}
	ms.m.Store(set, m)
	return m
}

// awaits reports whether a set's next plan waits for the caches. The change that ends
// the wait may be one that means nothing to plans.
func (ms *memories) awaits(set types.NamespacedName) bool {
	m, has := ms.m.Load(set)
	return has && m.(*memory).unplanned.isAwaited()
}

func (ms *memories) forget(set types.NamespacedName) { ms.m.Delete(set) }

// unplanned is what has happened to a set since its last plan, as far as it can wait
// for the next one. Safe for concurrent use.
type unplanned struct {
	mu      sync.Mutex
	since   time.Time // of the changes that only the status counts, the first; zero without one
	waiting bool      // the next plan waits for the caches to show the last one's writes
}

// counted notes a change that only the status counts, and returns when the set is to
// be planned for it: when its status is due. What a plan waits for cannot wait itself.
func (u *unplanned) counted(now time.Time) time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.since.IsZero() {
		u.since = now
	}
	if u.waiting {
		return 0
	}
	return max(0, u.since.Add(statusDelay).Sub(now))
}

// wait notes that a plan may have to wait for the caches. To be called before they are
// looked at: a change that comes at the same time then is not put off.
func (u *unplanned) wait() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.waiting = true
}

func (u *unplanned) isAwaited() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.waiting
}

// taken notes that a plan is made now, of caches that show what was written, and
// returns when the first change came that it is made for.
func (u *unplanned) taken(now time.Time) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	since := u.since
	u.since, u.waiting = time.Time{}, false
	if since.IsZero() {
		return now
	}
	return since
}
