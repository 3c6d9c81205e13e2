// Package supervisor starts the parts of a cluster in stages, watches them,
// and stops them in the reverse order.
//
// It promises: a stage begins only when every part of the one before is ready;
// the first part that fails is named, and the failure reaches the caller once;
// Stop, and End for some of the parts, return when these have returned or patience is
// used up. It never restarts a part: most of Kubernetes' components may run only once
// in a process, so a dead part ends the process and the next start begins clean.
package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Part is one component of the cluster.
type Part interface {
	// Name is what people see: "kube-apiserver".
	Name() string
	// Run blocks until ctx ends (nil) or the part fails.
	Run(ctx context.Context) error
	// Ready is one quick probe: nil once the part serves.
	Ready(ctx context.Context) error
}

// Phase is where a part stands.
type Phase string

// The phases of a part, in the order in which they are reached.
const (
	Starting Phase = "starting"
	Ready    Phase = "ready"
	Stopping Phase = "stopping"
	Stopped  Phase = "stopped"
	Failed   Phase = "failed"
)

// Event is a change in a part's phase; Err says why for Failed, and what is
// still missing for Starting when a start takes long.
type Event struct {
	Part  string
	Phase Phase
	At    time.Time
	Err   error
}

// Error names the part that failed.
type Error struct {
	Part string
	Err  error
}

func (e *Error) Error() string { return e.Part + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// probeEvery is short because the whole start takes seconds and a probe is a
// local request.
const probeEvery = 50 * time.Millisecond

type running struct {
	part   Part
	cancel context.CancelFunc
	done   chan struct{}
}

// Supervisor runs parts. Use New.
type Supervisor struct {
	report func(Event)
	failed chan error

	mu     sync.Mutex
	stages [][]*running
}

// New returns a Supervisor that tells report of every change. report may be
// called from several goroutines at once.
func New(report func(Event)) *Supervisor {
	return &Supervisor{report: report, failed: make(chan error, 1)}
}

// Failed yields the first failure of a part that happens after Start.
func (s *Supervisor) Failed() <-chan error { return s.failed }

// Start runs one stage: all parts at once, until each is ready. It fails with
// an *Error when a part ends or patience runs out first.
func (s *Supervisor) Start(ctx context.Context, patience time.Duration, parts ...Part) error {
	stage := make([]*running, len(parts))
	for i, p := range parts {
		stage[i] = s.launch(ctx, p)
	}
	s.mu.Lock()
	s.stages = append(s.stages, stage)
	s.mu.Unlock()

	results := make(chan error, len(stage))
	for _, r := range stage {
		go func() { results <- s.awaitReady(ctx, r, patience) }()
	}
	for range stage {
		select {
		case err := <-results:
			if err != nil {
				return err
			}
		case err := <-s.failed:
			return err
		}
	}
	return nil
}

// launch detaches the part from ctx's cancellation: the order of stopping is
// Stop's business, not the caller's context's.
func (s *Supervisor) launch(ctx context.Context, p Part) *running {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{part: p, cancel: cancel, done: make(chan struct{})}
	s.report(Event{Part: p.Name(), Phase: Starting, At: time.Now()})
	go func() {
		defer close(r.done)
		err := p.Run(ctx)
		if ctx.Err() != nil {
			s.report(Event{Part: p.Name(), Phase: Stopped, At: time.Now()})
			return
		}
		if err == nil {
			err = errors.New("ended without being asked to")
		}
		s.report(Event{Part: p.Name(), Phase: Failed, At: time.Now(), Err: err})
		select {
		case s.failed <- &Error{Part: p.Name(), Err: err}:
		default: // an earlier failure is the one to tell
		}
	}()
	return r
}

func (s *Supervisor) awaitReady(ctx context.Context, r *running, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		last := r.part.Ready(ctx)
		if last == nil {
			s.report(Event{Part: r.part.Name(), Phase: Ready, At: time.Now()})
			return nil
		}
		select {
		case <-r.done: // its failure, or an earlier one, is on s.failed by now
			select {
			case err := <-s.failed:
				return err
			default:
				return nil
			}
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return &Error{r.part.Name(), fmt.Errorf("not ready after %v: %w", patience, last)}
			}
			return &Error{r.part.Name(), ctx.Err()}
		case <-tick.C:
		}
	}
}

// End ends these parts and waits for them up to patience, while the others go on. It
// returns the names of those that did not end in time.
func (s *Supervisor) End(patience time.Duration, parts ...Part) (late []string) {
	s.mu.Lock()
	var ending []*running
	for i := range s.stages {
		s.stages[i] = slices.DeleteFunc(s.stages[i], func(r *running) bool {
			ends := slices.Contains(parts, r.part)
			if ends {
				ending = append(ending, r)
			}
			return ends
		})
	}
	s.mu.Unlock()
	return s.end(patience, ending)
}

// Stop ends every part, the last stage first, and waits for each stage up to
// patience. It returns the names of the parts that did not end in time.
func (s *Supervisor) Stop(patience time.Duration) (late []string) {
	s.mu.Lock()
	stages := s.stages
	s.stages = nil
	s.mu.Unlock()
	for _, stage := range slices.Backward(stages) {
		late = append(late, s.end(patience, stage)...)
	}
	return late
}

func (s *Supervisor) end(patience time.Duration, parts []*running) (late []string) {
	for _, r := range parts {
		s.report(Event{Part: r.part.Name(), Phase: Stopping, At: time.Now()})
		r.cancel()
	}
	deadline, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, r := range parts {
		select {
		case <-r.done:
		case <-deadline.Done():
			late = append(late, r.part.Name())
		}
	}
	return late
}
