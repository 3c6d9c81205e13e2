package queue

import (
	"sync"
	"time"

	"ordinal.dev/ordinal/internal/controller/timing"
)

// Pending is what has happened to a set since its last plan, as far as it can wait
// for the next one. Safe for concurrent use.
type Pending struct {
	mu      sync.Mutex
	since   time.Time // of the changes that only the status counts, the first; zero without one
	waiting bool      // the next plan waits for the caches to show the last one's writes
}

// StatusOnly notes a change that only the status counts, and returns when the set is to
// be planned for it: when its status is due. What a plan waits for cannot wait itself.
func (p *Pending) StatusOnly(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since.IsZero() {
		p.since = now
	}
	if p.waiting {
		return 0
	}
	return max(0, p.since.Add(timing.StatusDelay).Sub(now))
}

// Wait notes that a plan may have to wait for the caches. To be called before they are
// looked at: a change that comes at the same time then is not put off.
func (p *Pending) Wait() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = true
}

// IsAwaited reports whether the next plan waits for the caches. The change that ends the
// wait may be one that is irrelevant to plans.
func (p *Pending) IsAwaited() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting
}

// Taken notes that a plan is made now, of caches that show what was written, and
// returns when the first change came that it is made for.
func (p *Pending) Taken(now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	since := p.since
	p.since, p.waiting = time.Time{}, false
	if since.IsZero() {
		return now
	}
	return since
}
