// Command soak plays new histories until it is told to stop, a number of them is
// played, or a promise is broken; then it tells the story. The Makefile's soak
// target runs it.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"ordinal.dev/ordinal/internal/sim"
)

func main() {
	var o options
	flag.Uint64Var(&o.from, "from", uint64(time.Now().Unix())<<20, "the first seed")
	flag.Uint64Var(&o.runs, "runs", 0, "how many histories to play; 0 for as many as there is time for")
	flag.DurationVar(&o.limit, "for", time.Minute, "how long to play; 0 for as long as it takes")
	flag.StringVar((*string)(&o.about), "about", "", "the only subject to have moves of its own: policies, in-place, members or claims")
	flag.StringVar(&o.promise, "promise", "", "words of the only promise to look at; then no story is told")
	flag.StringVar(&o.but, "but", "", "a regular expression for the sentences of promises not to look at")
	flag.Parse()
	if o.about != "" && !slices.Contains(sim.Subjects, o.about) {
		fmt.Fprintf(os.Stderr, "-about has to be one of %v, and is %q\n", sim.Subjects, o.about)
		os.Exit(2)
	}
	log.SetLogger(logr.Discard()) // what the controller says is in the story
	if err := soak(o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	from, runs   uint64
	limit        time.Duration
	about        sim.Subject
	promise, but string
}

// tally is what has happened so far.
type tally struct{ next, runs, events, faults, writes atomic.Uint64 }

func (t *tally) String() string {
	return fmt.Sprintf("%d histories, %d events, %d faults, %d writes", t.runs.Load(), t.events.Load(), t.faults.Load(), t.writes.Load())
}

// soak plays the histories of the seeds from o.from on, on all cores.
func soak(o options) error {
	var t tally
	began := time.Now()
	stop, broken := make(chan struct{}), make(chan sim.Result, 1)
	end := sync.OnceFunc(func() { close(stop) })
	if o.limit > 0 {
		defer time.AfterFunc(o.limit, end).Stop()
	}
	var players sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		players.Go(func() {
			defer end()
			t.play(o, stop, broken)
		})
	}
	show(&t, began, stop)
	players.Wait()
	close(broken)
	r, ok := <-broken
	switch {
	case !ok:
		report(&t, began)
	case o.promise != "":
		return fmt.Errorf("seed %d breaks a promise: %s", r.Script.Seed, r.Violation.Promise)
	default:
		return fmt.Errorf("seed %d breaks a promise; the shortest history found:\n%s", r.Script.Seed, sim.Tell(sim.Shrink(r).Script))
	}
	return nil
}

// play plays one history after the other, until there are enough or one breaks a
// promise.
func (t *tally) play(o options, stop <-chan struct{}, broken chan<- sim.Result) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		n := t.next.Add(1) - 1
		if o.runs > 0 && n >= o.runs {
			return
		}
		script := sim.Compose(o.from+n, o.about)
		script.Except = o.but
		r := sim.Run(script)
		t.runs.Add(1)
		t.events.Add(uint64(r.Counts.Events))
		t.faults.Add(uint64(r.Counts.Faults))
		t.writes.Add(uint64(r.Counts.Writes))
		if r.Violation != nil && strings.Contains(r.Violation.Promise, o.promise) {
			select {
			case broken <- r:
			default:
			}
			return
		}
	}
}

// show keeps a line up to date.
func show(t *tally, began time.Time, stop <-chan struct{}) {
	every := time.NewTicker(10 * time.Second)
	defer every.Stop()
	for {
		select {
		case <-stop:
			return
		case <-every.C:
			report(t, began)
		}
	}
}

func report(t *tally, began time.Time) {
	took := time.Since(began)
	fmt.Printf("%8s  %s, no violation, %.0f histories a second\n", took.Round(time.Second), t, float64(t.runs.Load())/took.Seconds())
}
