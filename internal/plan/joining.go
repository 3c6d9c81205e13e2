package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
)

// MembersAnnotation on a ControllerRevision of the set says which ordinals are members, where
// its policy has new ones join, and how far the one is that joins. It is not on the pods, since
// a pod that is lost comes back as the member that it was; nor on claims, since not every set
// has some, and a claim may be there before its ordinal is a member, or after it has left.
const MembersAnnotation = "ordinal.dev/members"

// members is what the annotation says.
type members struct {
	Members identity.Ranges `json:"members"`
	Joining map[int]joining `json:"joining,omitempty"`
}

// A joining is an ordinal that is new, until its pod has been available.
type joining struct {
	Since  time.Time `json:"since"`           // when its join was to be run first
	Joined time.Time `json:"joined,omitzero"` // when that had succeeded, zero until then
}

// joins are all that join, and who is a member.
type joins struct {
	hook  *v1alpha1.Join // what the policy says, nil for nothing
	noted string         // the annotation as it is, empty for none
	was   members        // what that says
	are   members        // what is to be noted
	now   *member        // the one that joins, nil for none
}

// readJoins takes in what is noted, and who has become a member since. Where nothing is noted,
// those are members that have a pod, or data of one on their claims.
func (p *planner) readJoins() {
	j := &p.joins
	if p.membership != nil {
		j.noted = p.membership.Annotations[MembersAnnotation]
	}
	if s := p.scaling(); s == nil || s.Join == nil {
		return
	}
	j.hook = p.scaling().Join
	known := json.Unmarshal([]byte(j.noted), &j.was) == nil
	if !known {
		j.was = members{}
	}
	j.are.Members, j.are.Joining = j.was.Members, map[int]joining{}
	maps.Copy(j.are.Joining, j.was.Joining)
	for _, m := range slices.Concat(p.replicas, p.condemned) {
		if p.isMember(m) || !known && !m.owned() && p.hasData(m.ordinal) {
			j.are.Members = j.are.Members.With(m.ordinal)
			delete(j.are.Joining, m.ordinal)
		}
	}
	if !p.keepsData() {
		p.forgetMembers()
	}
}

// isMember reports whether a pod is one of a member: it has not left, and is no newcomer that
// has not been available yet.
func (p *planner) isMember(m *member) bool {
	if !m.owned() {
		return false
	}
	d := p.departures.was[m.ordinal]
	_, joins := p.joins.was.Joining[m.ordinal]
	return (!joins || m.state == Available) && (d.UID != m.pod.UID || d.Left.IsZero())
}

// forgetMembers forgets those whose ordinals are not wanted and whose pods are gone, in a set
// without claims: they have left nothing behind that they could come back with.
func (p *planner) forgetMembers() {
	for _, ordinal := range p.joins.are.Members.All() {
		if !p.ordinals.Contains(ordinal) && !p.hasPod(ordinal) {
			p.joins.are.Members = p.joins.are.Members.Without(ordinal)
		}
	}
}

// keepsData reports whether members have claims. Only the set's own templates count: one that
// the policy adds comes to members that there are.
func (p *planner) keepsData() bool { return len(p.Set.Spec.VolumeClaimTemplates) > 0 }

// hasData reports whether an ordinal has one of the set's own claims.
func (p *planner) hasData(ordinal int) bool {
	return slices.ContainsFunc(identity.ClaimTemplates(p.Set), func(t *corev1.PersistentVolumeClaim) bool {
		claim := p.Claims[identity.ClaimName(t.Name, p.Set.Name, ordinal)]
		return claim != nil && claim.DeletionTimestamp == nil
	})
}

// isNew reports whether an ordinal without a pod is none of a member, or of one whose data is gone.
func (p *planner) isNew(m *member) bool {
	return !p.joins.are.Members.Contains(m.ordinal) || p.keepsData() && !p.hasData(m.ordinal)
}

// isRebuilt reports whether an ordinal is new since the data of the member is gone that it was,
// whom a peer can see off.
func (p *planner) isRebuilt(m *member) bool {
	leave := p.departures.hook
	return p.joins.are.Members.Contains(m.ordinal) && leave != nil && leave.InPeer() && !p.leavesUnasked(m)
}

// founds reports whether an ordinal is the first member, which nobody is there to have join.
func (p *planner) founds(m *member) bool {
	isThere := func(other *member) bool {
		_, joins := p.joins.are.Joining[other.ordinal]
		return other != m && (other.owned() || joins || !p.isNew(other))
	}
	return m.ordinal == p.ordinals.Nth(0) && !slices.ContainsFunc(slices.Concat(p.replicas, p.condemned), isThere)
}

// settleUnwantedJoins sees to ordinals that have joined, or may have, and are not wanted any
// more before they have a pod: a peer sees them off as it does those whose pods are gone.
func (p *planner) settleUnwantedJoins() {
	if p.joins.hook == nil || p.Set.DeletionTimestamp != nil {
		return
	}
	for _, ordinal := range slices.Sorted(maps.Keys(p.joins.are.Joining)) {
		if p.isToCome(ordinal) {
			continue
		}
		e, m := p.joins.are.Joining[ordinal], p.departed(ordinal)
		if r := p.joinRun(m, e); r != nil && r.runs() && p.isThere(r) {
			p.wait(&member{name: m.name, words: "is not wanted any more, and its join still runs"}, "scaling down to "+p.goal())
			continue
		}
		delete(p.joins.are.Joining, ordinal)
		switch leave := p.departures.hook; {
		case p.hasPod(ordinal):
			p.joins.are.Members = p.joins.are.Members.With(ordinal)
		case leave != nil && leave.InPeer() && !p.leavesUnasked(m):
			p.departures.are[ordinal] = departure{UID: standIn(m.name)}
			p.wait(&member{name: m.name, words: "is not wanted any more, and is to be seen off"}, "scaling down to "+p.goal())
		default:
			p.warn("JoinedInVain", fmt.Sprintf("%s has joined, or may have, and is not wanted any more before it has a pod: no leave of a peer is there to take that back", m.name))
		}
	}
}

// isToCome reports whether an ordinal is wanted, or has an extra pod of a roll-out.
func (p *planner) isToCome(ordinal int) bool {
	if p.ordinals.Contains(ordinal) {
		return true
	}
	m := p.extra(ordinal)
	return m != nil && m.extra
}

// standIn stands for the UID of a pod that is yet to come.
func standIn(pod string) types.UID { return types.UID(pod) }

// isStandIn reports whether an ordinal leaves that has no pod to come back: it has joined in
// vain, or its data is gone.
func isStandIn(ordinal int, d departure, set string) bool {
	return d.UID == standIn(identity.PodName(set, ordinal))
}

// membersText is what is to be noted; empty for nothing.
func (p *planner) membersText() string {
	are := &p.joins.are
	if p.joins.hook == nil {
		return ""
	}
	for ordinal, d := range p.departures.are {
		if !d.Left.IsZero() {
			are.Members = are.Members.Without(ordinal)
		}
	}
	if p.joins.noted == "" && len(are.Members) == 0 && len(are.Joining) == 0 {
		return ""
	}
	return encoded(are)
}

func (p *planner) whyNoted(text string) string {
	if text == "" {
		return "no policy has members join any more"
	}
	return "who is a member is noted, so that nobody joins twice"
}
