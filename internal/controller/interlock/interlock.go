package interlock

import (
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"ordinal.dev/ordinal/internal/fence"
)

// Interlock says where this controller may act. It is safe for concurrent use.
type Interlock struct {
	mode     string
	clock    clock.PassiveClock
	listener Listener

	mu      sync.Mutex
	policy  part
	binding part
	seen    bool // what the namespaces say
	spaces  map[string]*space
	proofs  int // how many there have been, of all namespaces
	asked   askedProven
}

// A Listener hears of what changes. It must not call the interlock.
type Listener interface {
	// Acts is called when the sets of a namespace are acted on from now on.
	Acts(namespace string)
	// Stops is called when they are not any more, and says why for people.
	Stops(namespace, why string)
	// Wake is called when the sets of a namespace, or with no name, of all, have to be
	// looked at again.
	Wake(namespace string)
	// FenceIs is called with why the fence is not up, and with nothing once it is.
	FenceIs(why string)
	// Probed is called for each test write.
	Probed(result string)
	// Changed is called when the record is another.
	Changed()
}

// unseen is what is said of policy and binding until the first look at them.
const unseen = "has not been looked at yet"

// New makes an interlock for a mode of package fence.
func New(mode string, clock clock.PassiveClock, listener Listener) *Interlock {
	return &Interlock{mode: mode, clock: clock, listener: listener, policy: part{fault: unseen}, binding: part{fault: unseen}, spaces: map[string]*space{}}
}

// part is the policy or its binding.
type part struct {
	fault   string // why it is not as it must be; empty if it is
	version string // another one has been there in between if this has changed
}

// space is a namespace that says something of its sets.
type space struct {
	uid    types.UID
	charge fence.Charge
	proof  int    // the number of the proof that holds, zero for none
	why    string // nothing is written, without a proof
	since  time.Time
	proving
	unlisted map[string][]string // sets whose claims the fence does not know, with their prefixes
	left     map[string]bool     // sets of which everything has been taken back
}

// Answer is whether this controller may act on a set.
type Answer struct {
	Why     string // it may not, in words for people; empty if it may
	Fault   bool   // the set is Ordinal's, and the fence is not proven
	Leaving bool   // all that may be done is to take back what was set
	Proof   int    // the number of the proof, which grows from one to the next; zero where none is needed
}

// MayAct answers whether this controller may act on a set now.
func (i *Interlock) MayAct(set types.NamespacedName) Answer {
	if i == nil {
		return Answer{}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	s := i.spaces[set.Namespace]
	switch {
	case !i.seen:
		return Answer{Why: "what the namespaces say has not been seen yet"}
	case s == nil && i.mode == fence.Fenced:
		return Answer{Why: fmt.Sprintf("namespace %s is not Ordinal's (kubectl ordinal take %[1]s)", set.Namespace)}
	case s == nil:
		return Answer{}
	case s.charge.OptedOut():
		return Answer{Why: fmt.Sprintf("namespace %s has the label %s=%s", set.Namespace, fence.Label, fence.InTree)}
	case i.mode == fence.WholeCluster:
		return Answer{Leaving: s.charge.Leaving(set.Name)}
	case !s.charge.Has(set.Name):
		return Answer{Why: fmt.Sprintf("it is not among the sets of namespace %s that are Ordinal's", set.Namespace)}
	case s.proof == 0:
		return Answer{Why: s.why, Fault: true}
	}
	return Answer{Leaving: s.charge.Leaving(set.Name), Proof: s.proof}
}

// Down is an error that says why the fence does not hold though a namespace needs it, nil if
// it does or none does.
func (i *Interlock) Down() error {
	if i == nil || i.mode != fence.Fenced {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if fault := i.fault(); fault != "" && len(i.spaces) > 0 {
		return fmt.Errorf("nothing is written in %d namespaces: %s", len(i.spaces), fault)
	}
	return nil
}

// fault is what is wrong with the fence for all namespaces, empty for nothing.
func (i *Interlock) fault() string {
	switch {
	case i.policy.fault != "":
		return "the policy " + fence.Name + " " + i.policy.fault
	case i.binding.fault != "":
		return "the binding " + fence.Name + " " + i.binding.fault
	}
	return ""
}

// stop ends what is proven of a namespace.
func (i *Interlock) stop(namespace string, s *space, why string) {
	was := s.proof
	if was == 0 && s.why == why {
		return
	}
	s.proof, s.why, s.since, s.proving = 0, why, i.clock.Now(), proving{}
	if was != 0 {
		i.listener.Stops(namespace, why)
		i.listener.Wake(namespace)
	}
	i.listener.Changed()
}
