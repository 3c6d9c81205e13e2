package controller

import (
	"context"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"ordinal.dev/ordinal/internal/plan"
)

const (
	// usualBatch bounds the writes under way for one set, and how far a pass goes beyond
	// its time, unless more at a time are faster.
	usualBatch = 32
	// largestBatch bounds them then.
	largestBatch = 512
	// mostFailures is how many writes of a sort may fail in a pass before no more of them
	// are made: enough that one bad object does not hide the others, and few enough
	// that a quota is not hammered.
	mostFailures = 3
	// longestPass is about how long a plan's writes take before the next plan is made: two
	// passes, and the caches' delays after them, fit into statusDelay.
	longestPass = statusDelay * 3 / 10
)

// pass is one plan being carried out.
type pass struct {
	*executor
	set      *appsv1.StatefulSet
	memory   *memory
	mayAdopt func() error // looks once, see adoptable
	ends     time.Time
	done     bool // whether any action was
	ranOut   bool // it had no time for all
	undone   []plan.Action
	told     bool       // the status tells of a refusal of this pass
	mu       sync.Mutex // guards memory.news and failed
	failed   map[writeSort]int
}

// A writeSort is of writes that are refused or accepted together, more often than not.
type writeSort struct {
	verb plan.Verb
	kind kind
}

// isOver reports whether the pass has run out of time. One that has done nothing has
// not: what is refused slowly must not keep the rest from its turn.
func (p *pass) isOver() bool {
	p.ranOut = p.ranOut || p.done && !p.clock.Now().Before(p.ends)
	return p.ranOut
}

// inTurn performs actions one after the other, up to the first that fails.
func (p *pass) inTurn(ctx context.Context, actions []plan.Action) error {
	for i, a := range actions {
		if p.isOver() {
			p.undone = append(p.undone, actions[i:]...)
			return nil
		}
		if err := p.perform(ctx, a); err != nil {
			p.undone = append(p.undone, actions[i:]...)
			p.refuse(err)
			return err
		}
		p.done = true
	}
	return nil
}

// batches performs independent actions in parallel, in batches of 1, 2, 4 and so
// on, so that what is refused once is not sent a hundred times.
func (p *pass) batches(ctx context.Context, actions []plan.Action) error {
	var failed []error
	next := p.memory.batch
	next.size = max(1, next.size)
	for len(actions) > 0 && !p.isOver() {
		var batch []plan.Action
		if batch, actions = p.nextBatch(actions, next.size); len(batch) == 0 {
			break
		}
		errs := make([]error, len(batch))
		began := p.clock.Now()
		p.each(len(batch), func(i int) { errs[i] = p.perform(ctx, batch[i]) })
		next = next.after(p.clock.Since(began))
		for i, err := range errs {
			if err == nil {
				p.done = true
				continue
			}
			if failed = append(failed, err); len(failed) <= mostFailures { // more would say the same
				p.refuse(err)
			}
			p.undone = append(p.undone, batch[i])
			next = pacing{size: 2}
		}
	}
	p.undone = append(p.undone, actions...)
	p.memory.batch = pacing{}
	if p.ranOut {
		p.memory.batch = next
	}
	return joined(failed)
}

// nextBatch takes so many actions off the rest, and leaves out those that need a write of
// a sort that has failed often enough.
func (p *pass) nextBatch(actions []plan.Action, size int) (batch, rest []plan.Action) {
	for i, a := range actions {
		if len(batch) == size {
			return batch, actions[i:]
		}
		if p.isHopeless(a) {
			p.undone = append(p.undone, a)
		} else {
			batch = append(batch, a)
		}
	}
	return batch, nil
}

func (p *pass) isHopeless(a plan.Action) bool {
	return p.failed[writeSortOf(a)] >= mostFailures || slices.ContainsFunc(a.Needs, p.isHopeless)
}

func writeSortOf(a plan.Action) writeSort { return writeSort{a.Verb, kindOf(a.Object)} }

// pacing is how many writes to make at a time, and how fast the last ones were.
type pacing struct {
	size int
	last int           // the size before
	each time.Duration // what one write of the last batch took, as if one came after the other
}

// after is the pacing after a batch that took so long. Twice as many follow. Beyond
// usualBatch they do only while a batch fills a pass and twice as many are faster: behind
// a webhook that takes its time they are, at a server that is busy they are not.
func (p pacing) after(took time.Duration) pacing {
	next := pacing{size: p.size, last: p.size, each: took / time.Duration(p.size)}
	switch faster, slower := 3*next.each <= 2*p.each, 2*next.each > 3*p.each; {
	case p.size < usualBatch:
		next.size = min(2*p.size, usualBatch)
	case faster && took >= longestPass:
		next.size = min(2*p.size, largestBatch)
	case p.size > usualBatch && p.last < p.size: // it was not worth it
		next.size = p.last
	case slower:
		next.size = max(p.size/2, usualBatch)
	}
	return next
}
