package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
)

// LeavingAnnotation on a ControllerRevision of the set says which ordinals leave for good, and
// how far each is. It is not on the pods, since what is to be done about one goes on when its
// pod is gone.
const LeavingAnnotation = "ordinal.dev/leaving"

// A departure is what is noted of a pod that leaves for good. It is noted before anything is
// done, so that a new leader goes on with it.
type departure struct {
	UID   types.UID `json:"uid"`
	Since time.Time `json:"since,omitzero"` // when it was to be asked first; zero before its turn
	Left  time.Time `json:"left,omitzero"`  // when it had left, zero until then
}

// departures are all that leave, by ordinal.
type departures struct {
	hook *v1alpha1.Leave   // what the policy says, nil for nothing
	was  map[int]departure // as it is noted
	are  map[int]departure // as it is to be noted
	now  *member           // the one whose turn it is, nil for none
}

// DepartingOrdinals are those that are noted to leave for good; their pods may be gone.
func DepartingOrdinals(set *appsv1.StatefulSet, history []*appsv1.ControllerRevision) []int {
	return slices.Sorted(maps.Keys(departuresOn(membershipNoted(set, history))))
}

// departuresOn is what is noted on a revision, if any. What cannot be read is nothing.
func departuresOn(r *appsv1.ControllerRevision) map[int]departure {
	if r == nil || r.Annotations[LeavingAnnotation] == "" {
		return nil
	}
	noted := map[int]departure{}
	if json.Unmarshal([]byte(r.Annotations[LeavingAnnotation]), &noted) != nil {
		return nil
	}
	return noted
}

// readDepartures takes in what is noted.
func (p *planner) readDepartures() {
	d := &p.departures
	if s := p.scaling(); s != nil {
		d.hook = s.Leave
	}
	if d.was = departuresOn(p.membership); d.hook != nil {
		d.are = map[int]departure{}
		maps.Copy(d.are, d.was)
	}
}

// noteCondemned notes each pod of an ordinal that is not wanted as soon as that is seen, and
// before its turn to leave: it may be lost in between.
func (p *planner) noteCondemned() {
	if p.departures.hook == nil {
		return
	}
	for _, m := range p.condemned {
		if m.owned() && !m.extra && !p.leavesUnasked(m) && p.departures.are[m.ordinal].UID != m.pod.UID {
			p.departures.are[m.ordinal] = departure{UID: m.pod.UID}
		}
	}
}

// text is what is to be noted of those that leave, empty for nothing.
func (d *departures) text() string {
	if len(d.are) == 0 {
		return ""
	}
	return encoded(d.are)
}

// why is why that is noted.
func (d *departures) why() string {
	if len(d.are) == 0 {
		return "nobody is leaving any more"
	}
	return "who leaves is noted, so that it is gone on with whatever happens"
}

// inTurnOnly reports whether nobody else goes while a pod does: in order, or since it leaves.
// Members of a quorum that leave at once may take it along.
func (p *planner) inTurnOnly(m *member) bool {
	return p.ordered || p.departures.hook != nil && !p.leavesUnasked(m)
}

// mayGo reports whether a pod whose ordinal is not wanted, and whose turn it is, may be taken
// down as far as leaving is concerned. What it waits for is said otherwise.
func (p *planner) mayGo(m *member) bool {
	hook, d := p.departures.hook, p.departures.was[m.ordinal]
	switch other := p.departures.now; {
	case hook == nil || p.leavesUnasked(m):
		return true
	case other != nil:
		p.wait(&member{name: other.name, words: "is seen to before it"}, "deleting "+m.name)
		return false
	case m.pod.UID == d.UID && hook.When == v1alpha1.LeaveAfter:
		return true
	case hook.When == v1alpha1.LeaveAfter:
		p.departures.now = m
		p.wait(&member{name: m.name, words: "is about to go"}, "deleting "+m.name)
		return false
	case m.pod.UID != d.UID:
		d = departure{UID: m.pod.UID}
	}
	may := p.seeOff(m, d, "deleting "+m.name)
	m.words = "is leaving" // to what waits for it
	return may
}

// leavesUnasked reports whether a pod goes without a word: since no pod stays that could see it
// off, where the whole set is stopped; or since nothing of it ever ran, and it has no data of
// an earlier pod, so that there is nothing to leave.
func (p *planner) leavesUnasked(m *member) bool {
	if p.departures.hook.InPeer() {
		return p.ordinals.Count == 0 || p.Set.DeletionTimestamp != nil
	}
	if m.pod == nil || !neverStarted(m.pod) || p.departures.was[m.ordinal].UID == m.pod.UID {
		return false
	}
	for _, claim := range p.claimsOf(m.ordinal) {
		if claim != nil && claim.CreationTimestamp.Add(healPause).Before(m.pod.CreationTimestamp.Time) {
			return false
		}
	}
	return true
}

// keepsClaims reports whether the claims of an ordinal that is not wanted stay until it has
// left: one that is lost before may need them to come back with.
func (p *planner) keepsClaims(m *member) bool {
	d, leaves := p.departures.are[m.ordinal]
	return leaves && d.Left.IsZero() && m.pod != nil && d.UID == m.pod.UID
}

// goesForGood reports whether a pod does not stay, though its ordinal may be wanted: it has left.
func (p *planner) goesForGood(m *member) bool {
	d, leaves := p.departures.was[m.ordinal]
	return !p.ordinals.Contains(m.ordinal) || leaves && !d.Left.IsZero() && m.pod != nil && d.UID == m.pod.UID
}

// isLeaving reports whether a pod has been asked to leave, so that it is not updated.
func (p *planner) isLeaving(m *member) bool {
	d, leaves := p.departures.was[m.ordinal]
	return leaves && p.departures.hook != nil && !d.Since.IsZero()
}

// whyGone is why a pod that leaves is taken down.
func (p *planner) whyGone(m *member) string {
	switch d := p.departures.was[m.ordinal]; {
	case p.departures.hook == nil || m.pod == nil || d.UID != m.pod.UID:
		return p.whyCondemned(m)
	case !d.Left.IsZero():
		return "it has left, and " + p.whyCondemned(m)
	case p.departures.hook.When == v1alpha1.LeaveAfter:
		return p.whyCondemned(m) + "; a peer sees to the rest when it is gone"
	default:
		return fmt.Sprintf("it has not left within %s, the policy goes on, and %s", p.leaveTimeout(), p.whyCondemned(m))
	}
}

// replica is the member of a wanted ordinal, nil if it is not wanted or not among those that
// the plan deals with.
func (p *planner) replica(ordinal int) *member {
	i, found := slices.BinarySearchFunc(p.replicas, ordinal, func(m *member, o int) int { return m.ordinal - o })
	if !found {
		return nil
	}
	return p.replicas[i]
}

// departed stands for the pod of an ordinal that is gone.
func (p *planner) departed(ordinal int) *member {
	return &member{ordinal: ordinal, name: identity.PodName(p.Set.Name, ordinal), state: Missing, words: "is gone", action: -1}
}

// isToLeave reports whether a pod whose ordinal is not wanted has something to do, or somebody
// else has, before it goes.
func (p *planner) isToLeave(m *member) bool {
	return p.departures.hook != nil && !m.extra && !p.ordinals.Contains(m.ordinal) && !p.leavesUnasked(m)
}

// leavingWords are what the policy's status says of the pod whose turn it is.
func (p *planner) leavingWords() string {
	if m := p.departures.now; m.pod != nil && p.ordinals.Contains(m.ordinal) && p.Set.DeletionTimestamp == nil {
		return m.name + " is wanted again before it has left"
	}
	return p.departures.now.name + " leaves for good"
}

// leavesFirst is an outdated pod that is to leave before all others are recreated, nil for none:
// nobody could see it off meanwhile. Where one of the others is down it goes with them, and is
// seen off when they are back, if a peer can do that: a bad revision must not stay for it.
func (p *planner) leavesFirst() *member {
	if p.firstUnavailable() != nil {
		return nil
	}
	for _, m := range p.condemned {
		if p.outdated(m) && m.state != Terminating && p.isToLeave(m) {
			return m
		}
	}
	return nil
}
