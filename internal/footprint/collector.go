package footprint

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A Pace is how a process works and rests.
type Pace struct {
	// AtRest is how much Go lets the heap grow before it collects garbage, in
	// percent of what is in use. Little is allocated at rest, and memory is
	// dearer than what collecting often costs.
	AtRest int
	// AtWork is how large the heap may be at work, in bytes, if that is at least
	// twice what is in use. Collecting as often as at rest would be a quarter of
	// all processor time.
	AtWork uint64
	// Busy is what a process that works allocates in a second at least, in bytes.
	Busy uint64
	// Calm is how many seconds without work make a rest.
	Calm int
}

// How much the heap may grow at work, in percent of what is in use.
const (
	leastAtWork = 100
	mostAtWork  = 500
)

// Tune lets the heap of this process grow while it works, and gives all memory back
// that it does not need when it comes to rest, until ctx ends. It calls failed when
// that does not work.
func Tune(ctx context.Context, p Pace, failed func(error)) {
	debug.SetGCPercent(p.AtRest)
	second := time.NewTicker(time.Second)
	defer second.Stop()
	tuned, last := collector{pace: p}, read(allocated)
	for {
		select {
		case <-ctx.Done():
			return
		case <-second.C:
		}
		now := read(allocated)
		switch tuned.next(now - last) {
		case work:
			debug.SetGCPercent(p.percentAtWork(read(live)))
		case toRest:
			debug.SetGCPercent(p.AtRest)
			runtime.GC() // and what pools keep for the next time goes with the second
			if err := trim(); err != nil {
				failed(err)
			}
		}
		last = now
	}
}

// percentAtWork is how much the heap may grow with so many bytes in use.
func (p Pace) percentAtWork(live uint64) int {
	room := max(int64(p.AtWork)-int64(live), 0)
	return int(min(max(100*room/int64(max(live, 1)), leastAtWork), mostAtWork))
}

// collector decides, second by second, whether the process works.
type collector struct {
	pace    Pace
	working bool
	calm    int // seconds without work
}

type state int

const (
	rest state = iota
	work
	toRest // the first second of a rest
)

// next takes the bytes that were allocated within the last second.
func (c *collector) next(bytes uint64) state {
	switch busy := bytes >= c.pace.Busy; {
	case busy:
		c.working, c.calm = true, 0
	case c.working:
		if c.calm++; c.calm >= c.pace.Calm {
			c.working, c.calm = false, 0
			return toRest
		}
	default:
		return rest
	}
	return work
}

// What Go counts, in bytes.
const (
	allocated = "/gc/heap/allocs:bytes" // since the process began
	live      = "/gc/heap/live:bytes"   // what the last collection found in use
)

func read(metric string) uint64 {
	sample := []metrics.Sample{{Name: metric}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
