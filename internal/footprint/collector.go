package footprint

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// How much Go lets the heap grow before it collects garbage, in percent of what is
// in use. At rest little is allocated, and memory is dearer than the 0.2% of a core
// that collecting often costs. At work that would be a quarter of all processor
// time.
const (
	percentAtRest = 50
	percentAtWork = 250
)

const (
	// atWork is what a process that works allocates in a second at least, in bytes.
	atWork = 24 << 20
	// untilRest is how many seconds without work make a rest.
	untilRest = 15
)

// TuneCollector lets the heap of this process grow while it works, and gives the
// memory back when it rests, until ctx ends.
func TuneCollector(ctx context.Context) {
	debug.SetGCPercent(percentAtRest)
	second := time.NewTicker(time.Second)
	defer second.Stop()
	tuned, last := collector{}, allocated()
	for {
		select {
		case <-ctx.Done():
			return
		case <-second.C:
		}
		now := allocated()
		switch tuned.next(now - last) {
		case toWork:
			debug.SetGCPercent(percentAtWork)
		case toRest:
			debug.SetGCPercent(percentAtRest)
			debug.FreeOSMemory()
		}
		last = now
	}
}

// collector decides, second by second, when the process begins to work and to rest.
type collector struct {
	working bool
	calm    int // seconds without work
}

type change int

const (
	steady change = iota
	toWork
	toRest
)

// next takes the bytes that were allocated within the last second.
func (c *collector) next(bytes uint64) change {
	switch busy := bytes >= atWork; {
	case busy && !c.working:
		*c = collector{working: true}
		return toWork
	case busy:
		c.calm = 0
	case c.working:
		if c.calm++; c.calm >= untilRest {
			*c = collector{}
			return toRest
		}
	}
	return steady
}

// allocated is how many bytes this process has allocated so far.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
