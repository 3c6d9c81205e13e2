package interlock

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"ordinal.dev/ordinal/internal/fence"
)

const (
	// proofTime is for how long all test writes have to be refused before the fence counts
	// as proven: several API servers load a policy at different times, within a second or
	// two.
	proofTime = 10 * time.Second
	// proofEvery is how often they are made meanwhile.
	proofEvery = time.Second
	// failedEvery is how often they are made where something else is in the way, such as a
	// RoleBinding that is missing.
	failedEvery = 5 * time.Second
	// leastRefusals is how many there have to be, should they take long.
	leastRefusals = 5
	// checkEvery is how often one is made of what is proven: an API server that is started
	// without such policies would not be seen otherwise.
	checkEvery = 30 * time.Second
)

// How a test write ends.
const (
	Refused  = "refused" // by the fence
	Accepted = "accepted"
	Failed   = "error"
)

// A Prober makes test writes.
type Prober interface {
	// Probe has the API server try a write about a set, by the in-tree controller's account,
	// without making it. It returns nil if it would have been accepted.
	Probe(ctx context.Context, namespace, set string) error
	// MayWrite returns an error if this controller has no permission to write in the
	// namespace.
	MayWrite(ctx context.Context, namespace string) error
}

// proving is how far the proof of a namespace has got.
type proving struct {
	refused int // test writes without one that was accepted
	first   time.Time
	next    time.Time
}

// askedProven is which of the proven namespaces was tested last, and when the next is due.
type askedProven struct {
	last string
	next time.Time
}

// Probe makes the test writes that are due, and returns when the next is. It is for one
// goroutine.
func (i *Interlock) Probe(ctx context.Context, prober Prober) (again time.Duration) {
	for _, namespace := range i.due() {
		sets, ok := i.tested(namespace)
		if !ok {
			continue
		}
		result, err := Failed, prober.MayWrite(ctx, namespace)
		if err == nil {
			result, err = probe(ctx, prober, namespace, sets)
			i.listener.Probed(result)
		}
		i.conclude(namespace, sets, result, err)
	}
	return i.untilDue()
}

// due are the namespaces that test writes are due in, sorted: all that are not proven, and
// of those that are the next one in turn.
func (i *Interlock) due() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.mode != fence.Fenced || i.fault() != "" {
		return nil
	}
	now := i.clock.Now()
	var due, proven []string
	for _, name := range slices.Sorted(maps.Keys(i.spaces)) {
		switch s := i.spaces[name]; {
		case s.proof != 0:
			proven = append(proven, name)
		case !now.Before(s.next):
			due = append(due, name)
		}
	}
	if len(proven) > 0 && !now.Before(i.asked.next) {
		at, found := slices.BinarySearch(proven, i.asked.last)
		if found {
			at++
		}
		i.asked = askedProven{last: proven[at%len(proven)], next: now.Add(checkEvery)}
		due = append(due, i.asked.last)
	}
	return due
}

// tested are the sets in whose names a namespace is tested; one that is not there stands for
// all.
func (i *Interlock) tested(namespace string) (sets []string, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	s := i.spaces[namespace]
	if s == nil {
		return nil, false
	}
	if s.charge.Whole() {
		return []string{"any"}, true
	}
	return s.charge.Sets(), true
}

// probe makes a test write for each of the sets, up to the first that is not refused.
func probe(ctx context.Context, prober Prober, namespace string, sets []string) (result string, err error) {
	for _, set := range sets {
		switch err := prober.Probe(ctx, namespace, set); {
		case err == nil:
			return Accepted, nil
		case !fence.Denied(err):
			return Failed, err
		}
	}
	return Refused, nil
}

// conclude takes in how the test writes of a namespace ended, unless the namespace has
// changed meanwhile.
func (i *Interlock) conclude(namespace string, sets []string, result string, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	s, now := i.spaces[namespace], i.clock.Now()
	if s == nil || i.fault() != "" || !s.charge.Whole() && !slices.Equal(s.charge.Sets(), sets) {
		return
	}
	switch {
	case result == Refused:
		i.refused(namespace, s, now)
	case result == Accepted:
		i.stop(namespace, s, fmt.Sprintf("the fence does not hold in namespace %s: a test write as the in-tree controller would have been accepted", namespace))
	case s.proof != 0 && passes(err): // it cannot be written to, either
	default:
		i.stop(namespace, s, fmt.Sprintf("the fence cannot be proven in namespace %s: %v", namespace, err))
	}
	s.next = now.Add(proofEvery)
	if result == Failed {
		s.next = now.Add(failedEvery)
	}
}

// refused counts a refusal, and concludes that the fence is proven when it is.
func (i *Interlock) refused(namespace string, s *space, now time.Time) {
	if s.proof != 0 {
		return
	}
	if s.proving.refused == 0 {
		s.first = now
		i.stop(namespace, s, i.unproven(namespace))
		s.first = now
	}
	s.proving.refused++
	if s.proving.refused < leastRefusals || now.Sub(s.first) < proofTime {
		return
	}
	i.proofs++
	s.proof, s.why, s.since = i.proofs, "", now
	i.asked.next = now.Add(checkEvery)
	i.listener.Acts(namespace)
	i.changed(namespace)
}

// passes reports whether an error may be over soon by itself.
func passes(err error) bool {
	return !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) && !apierrors.IsNotFound(err)
}

// untilDue is in how long the next test write is due.
func (i *Interlock) untilDue() time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.clock.Now()
	again := checkEvery
	for _, s := range i.spaces {
		if s.proof == 0 && i.fault() == "" {
			again = min(again, max(0, s.next.Sub(now)))
		}
	}
	if i.asked.next.After(now) {
		again = min(again, i.asked.next.Sub(now))
	}
	return again
}
