package apply

import (
	"time"

	"ordinal.dev/ordinal/internal/controller/timing"
)

const (
	// usualBatch bounds the writes under way for one set, and how far an execution goes
	// beyond its time, unless more at a time are faster.
	usualBatch = 32
	// largestBatch bounds them then.
	largestBatch = 512
	// longestExecution is about how long a plan's writes take before the next plan is made:
	// two executions, and the caches' delays after them, fit into timing.StatusDelay.
	longestExecution = timing.StatusDelay * 3 / 10
)

// pacing is how many writes to make at a time, and how fast the last ones were.
type pacing struct {
	size int
	last int           // the size before
	each time.Duration // what one write of the last batch took, as if one came after the other
}

// after is the pacing after a batch that took so long. Twice as many follow. Beyond
// usualBatch they do only while a batch fills an execution and twice as many are faster: behind
// a webhook that takes its time they are, at a server that is busy they are not.
func (p pacing) after(took time.Duration) pacing {
	next := pacing{size: p.size, last: p.size, each: took / time.Duration(p.size)}
	switch faster, slower := 3*next.each <= 2*p.each, 2*next.each > 3*p.each; {
	case p.size < usualBatch:
		next.size = min(2*p.size, usualBatch)
	case faster && took >= longestExecution:
		next.size = min(2*p.size, largestBatch)
	case p.size > usualBatch && p.last < p.size: // it was not worth it
		next.size = p.last
	case slower:
		next.size = max(p.size/2, usualBatch)
	}
	return next
}
