package guard

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

const (
	// shortest is how long another controller has to be silent before this one goes on.
	// The in-tree controller answers within a second or two what this one then does.
	shortest = 30 * time.Second
	// longest bounds a hold that doubles each time that the other one comes back.
	longest = 15 * time.Minute
	// relapse is how soon after a hold the next one is due to the same controller, which
	// had only had nothing to do.
	relapse = 10 * time.Minute
)

// Guard says whether this controller may act, namespace by namespace. It is safe for
// concurrent use.
type Guard struct {
	clock    clock.PassiveClock
	sets     Sets
	listener Listener

	mu    sync.Mutex
	begun int              // how many holds there have been, of all namespaces
	holds map[string]*hold // by namespace; those that have ended, too, until relapse is over
}

// A Listener tells of holds. It must not call the guard.
type Listener interface {
	// HoldBegan is called once for each hold, and says why for people.
	HoldBegan(namespace, why string)
	// HeldFor is called once for each hold and set that there is evidence of.
	HeldFor(set *appsv1.StatefulSet, why string)
	// HoldEnded is called once for each hold.
	HoldEnded(namespace string)
}

// New makes a guard that holds nothing.
func New(clock clock.PassiveClock, sets Sets, listener Listener) *Guard {
	return &Guard{clock: clock, sets: sets, listener: listener, holds: map[string]*hold{}}
}

// hold is a namespace in which nothing may be written.
type hold struct {
	number int           // among all of the guard's
	length time.Duration // from the last evidence on
	until  time.Time
	why    string
	ended  bool
	told   map[types.UID]bool // the sets of which HeldFor was called
}

// Answer is whether this controller may act in a namespace.
type Answer struct {
	Why   string        // it may not, in words for people; empty if it may
	Again time.Duration // when to ask again, if it may not
	Hold  int           // the number of the last hold, which grows from one to the next; zero if none is remembered
}

// MayAct answers whether this controller may act in a namespace now.
func (g *Guard) MayAct(namespace string) Answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock.Now()
	g.settle(now)
	switch h := g.holds[namespace]; {
	case h == nil:
		return Answer{}
	case h.ended:
		return Answer{Hold: h.number}
	default:
		return Answer{Why: h.why, Again: h.until.Sub(now), Hold: h.number}
	}
}

// Held is an error that says what is held, and nil if nothing is.
func (g *Guard) Held() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.settle(g.clock.Now())
	var reasons []string
	for _, namespace := range slices.Sorted(maps.Keys(g.holds)) {
		if h := g.holds[namespace]; !h.ended {
			reasons = append(reasons, h.why)
		}
	}
	switch len(reasons) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%s", reasons[0])
	}
	return fmt.Errorf("%s; the same goes for %d more namespaces", reasons[0], len(reasons)-1)
}

// settle ends the holds that are over, and forgets those that are long over.
func (g *Guard) settle(now time.Time) {
	for namespace, h := range g.holds {
		if now.Before(h.until) {
			continue
		}
		if !h.ended {
			h.ended = true
			g.listener.HoldEnded(namespace)
		}
		if now.Sub(h.until) > relapse {
			delete(g.holds, namespace)
		}
	}
}

// note has the namespace of a set held for what another controller did.
func (g *Guard) note(set *appsv1.StatefulSet, manager, did string) {
	if !g.sets.Acted(types.NamespacedName{Namespace: set.Namespace, Name: set.Name}) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock.Now()
	g.settle(now)
	h := g.holds[set.Namespace]
	isNew := h == nil || h.ended
	if isNew {
		h = g.after(h)
		g.holds[set.Namespace] = h
	}
	h.until = now.Add(h.length)
	why := fmt.Sprintf("%s also acts on StatefulSets in namespace %s (it %s): switch its StatefulSet controller off "+
		"(kube-controller-manager --controllers=*,-statefulset-controller), or fence it off (kubectl ordinal take), or stop this one; nothing is written there until it has been silent for %s",
		manager, set.Namespace, did, h.length)
	if isNew {
		h.why = why
		g.listener.HoldBegan(set.Namespace, why)
	}
	if !h.told[set.UID] {
		h.told[set.UID] = true
		g.listener.HeldFor(set, why)
	}
}

// after is the hold that follows on one that has ended, which is nil if none is
// remembered.
func (g *Guard) after(last *hold) *hold {
	length := shortest
	if last != nil {
		length = min(2*last.length, longest)
	}
	g.begun++
	return &hold{number: g.begun, length: length, told: map[types.UID]bool{}}
}
