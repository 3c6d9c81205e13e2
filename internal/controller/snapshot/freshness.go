package snapshot

import (
	"time"

	"ordinal.dev/ordinal/internal/plan"
)

// LongestStale is how long the caches are waited for before the API server is asked.
const LongestStale = 30 * time.Second

// Freshness is what is remembered of one set about how far the caches can be trusted.
// The zero value does not trust them: the API server is asked first.
type Freshness struct {
	caughtUp   bool      // the caches show what was so at a read since they were last distrusted
	read       *livePods // what the API server showed, until the caches do too; nil when it must be asked
	uncertain  bool      // what was written last is not known: a write of this controller may have been made, or not, or another one has acted
	lost       string    // the revision that was looked for in vain; see lostRevision
	staleSince time.Time // since when the caches have not shown what was expected
	conflicts  int       // plans in a row that somebody else's write made void
}

// Distrust has the API server asked before anything else is done.
func (f *Freshness) Distrust() { f.caughtUp, f.read = false, nil }

// Wrote notes how the writes of a plan ended: if one of them may have been made, or not,
// the API server is asked which.
func (f *Freshness) Wrote(uncertain bool) {
	if f.uncertain = uncertain; uncertain {
		f.Distrust()
	}
}

// OthersActed notes that another controller may have acted on the set: the API server is
// asked what it did, even about a set that looks as its user made it.
func (f *Freshness) OthersActed() {
	f.uncertain = true
	f.Distrust()
}

// Conflict notes that somebody else's write made a plan void, and returns how many it
// did so before in a row. From the second on, the cache does not show that write, and the
// API server is asked.
func (f *Freshness) Conflict() (before int) {
	before = f.conflicts
	if f.conflicts++; f.conflicts > 1 {
		f.Distrust()
	}
	return before
}

// NoConflict notes that a plan was not made void.
func (f *Freshness) NoConflict() { f.conflicts = 0 }

// Stale notes that the caches do not show what was written, and reports whether they
// have not for so long that what is expected is to be given up and the API server asked.
// They may be behind, and are waited for again then. Or what was expected will never be:
// a proxy may have answered that an object is gone, which is still there.
func (f *Freshness) Stale(now time.Time) (giveUp bool) {
	if f.staleSince.IsZero() {
		f.staleSince = now
	}
	if now.Sub(f.staleSince) < LongestStale {
		return false
	}
	f.staleSince, f.uncertain = time.Time{}, true
	f.Distrust()
	return true
}

// NotStale notes that the caches show all that was written.
func (f *Freshness) NotStale() { f.staleSince = time.Time{} }

// Trusts reports whether a plan may be made of a snapshot without asking the API server.
func (f *Freshness) Trusts(s *plan.Snapshot) bool { return f.caughtUp && lostRevision(s) == f.lost }

// noteLost has the API server asked when a revision is lost that was not before.
func (f *Freshness) noteLost(s *plan.Snapshot) {
	if lost := lostRevision(s); lost != f.lost {
		f.lost = lost
		if lost != "" {
			f.Distrust()
		}
	}
}

// lostRevision names a revision that the set's status names and the caches do not
// show. Somebody may have deleted it; more often the set itself is gone and its
// revisions with it, and the cache of sets is behind: a reason to ask.
func lostRevision(s *plan.Snapshot) string {
	if names := unknownRevisions(s.Set, s.Revisions); len(names) > 0 {
		return names[0]
	}
	return ""
}
