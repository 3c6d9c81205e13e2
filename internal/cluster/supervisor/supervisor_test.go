package supervisor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// part is one whose life the test decides.
type part struct {
	name  string
	ready error
	fails chan error
	deaf  bool // does not end when asked to
}

func (p *part) Name() string                { return p.name }
func (p *part) Ready(context.Context) error { return p.ready }
func (p *part) Run(ctx context.Context) error {
	done := ctx.Done()
	if p.deaf {
		done = nil
	}
	select {
	case <-done:
		return nil
	case err := <-p.fails:
		return err
	}
}

// record collects events as words.
type record struct {
	mu    sync.Mutex
	words []string
}

func (r *record) add(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.words = append(r.words, e.Part+" "+string(e.Phase))
}

func (r *record) index(t *testing.T, word string) int {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.words, word)
	if i < 0 {
		t.Fatalf("%q did not happen in %v", word, r.words)
	}
	return i
}

func TestStagesStartInOrderAndStopInReverse(t *testing.T) {
	var r record
	s := New(r.add)
	for _, name := range []string{"store", "server", "worker"} {
		if err := s.Start(t.Context(), time.Minute, &part{name: name}); err != nil {
			t.Fatal(err)
		}
	}
	if late := s.Stop(time.Minute); len(late) > 0 {
		t.Fatalf("late: %v", late)
	}
	for _, pair := range [][2]string{
		{"store ready", "server starting"}, {"server ready", "worker starting"},
		{"worker stopped", "server stopping"}, {"server stopped", "store stopping"},
	} {
		if r.index(t, pair[0]) > r.index(t, pair[1]) {
			t.Errorf("%q came after %q: %v", pair[0], pair[1], r.words)
		}
	}
}

func TestFailureWhileStartingNamesThePart(t *testing.T) {
	broken := &part{name: "store", ready: errors.New("not yet"), fails: make(chan error, 1)}
	broken.fails <- errors.New("disk on fire")
	s := New(func(Event) {})
	err := s.Start(t.Context(), time.Minute, &part{name: "other"}, broken)
	if err == nil || err.Error() != "store: disk on fire" {
		t.Fatalf("got %v", err)
	}
	s.Stop(time.Minute)
}

func TestPartThatNeverGetsReadyIsNamedWithWhatItWaitsFor(t *testing.T) {
	s := New(func(Event) {})
	err := s.Start(t.Context(), 60*time.Millisecond, &part{name: "server", ready: errors.New("no certificate")})
	var named *Error
	if !errors.As(err, &named) || named.Part != "server" || !strings.Contains(err.Error(), "no certificate") {
		t.Fatalf("got %v", err)
	}
	s.Stop(time.Minute)
}

func TestFailureOfARunningPartIsToldOnce(t *testing.T) {
	p := &part{name: "worker", fails: make(chan error, 1)}
	s := New(func(Event) {})
	if err := s.Start(t.Context(), time.Minute, p); err != nil {
		t.Fatal(err)
	}
	p.fails <- nil // even a clean end is a failure when nobody asked
	if err := <-s.Failed(); err == nil || !strings.HasPrefix(err.Error(), "worker: ") {
		t.Fatalf("got %v", err)
	}
	s.Stop(time.Minute)
}

func TestStopGoesOnPastAPartThatDoesNotEnd(t *testing.T) {
	var r record
	s := New(r.add)
	if err := s.Start(t.Context(), time.Minute, &part{name: "store"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context(), time.Minute, &part{name: "deaf", deaf: true}, &part{name: "deaf too", deaf: true}); err != nil {
		t.Fatal(err)
	}
	if late := s.Stop(20 * time.Millisecond); !slices.Equal(late, []string{"deaf", "deaf too"}) {
		t.Errorf("late: %v", late)
	}
	r.index(t, "store stopped")
}

func TestPartsThatEndFirstLeaveTheOthersAtWork(t *testing.T) {
	var r record
	s := New(r.add)
	store, worker, names := &part{name: "store"}, &part{name: "worker"}, &part{name: "names", fails: make(chan error, 1)}
	if err := s.Start(t.Context(), time.Minute, store); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context(), time.Minute, worker, names); err != nil {
		t.Fatal(err)
	}
	if late := s.End(time.Minute, worker); len(late) > 0 {
		t.Fatalf("late: %v", late)
	}
	r.index(t, "worker stopped")
	names.fails <- errors.New("out of memory")
	if err := <-s.Failed(); err == nil || err.Error() != "names: out of memory" {
		t.Errorf("what goes on is not watched any more: %v", err)
	}
	s.Stop(time.Minute)
	if r.index(t, "store stopping") < r.index(t, "names stopping") {
		t.Errorf("the store did not stop last: %v", r.words)
	}
	if n := strings.Count(strings.Join(r.words, "\n"), "worker stopping"); n != 1 {
		t.Errorf("the worker was ended %d times", n)
	}
}
