package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
)

// A pod whose claim is lost never starts: the claim is gone, its volume is, or the node that
// the volume is on. With the policy's onLost the planner finds that out, by what the API
// server says now and not by caches, which may be behind; and only of pods nothing of which
// ever ran. kubernetes#89910, kubernetes#113139.

const (
	// reasonClaimLost is that of the conditions and the event.
	reasonClaimLost = "ClaimLost"
	// lostGrace is for how long a pod has not started before a node that does not exist is
	// taken to be gone for good. One that is registered anew is back by then.
	lostGrace = time.Minute
	// volumeHolds is how old what is known of a volume may be.
	volumeHolds = 30 * time.Second
)

// A Volume is what is known of a PersistentVolume.
type Volume struct {
	// LostNodes are the nodes to which it is bound by their host names, where none of them
	// exists. They are empty for a volume that can be reached.
	LostNodes []string
	// Unknown is why nothing is known, empty where it is.
	Unknown string
	At      time.Time
}

// onLost is what the policy says, empty for nothing.
func (p *planner) onLost() v1alpha1.OnLost {
	if p.policy == nil || p.policy.Spec.Claims == nil {
		return ""
	}
	return p.policy.Spec.Claims.OnLost
}

// recreateLost has the claims of an ordinal made anew together with its pod where one of them
// is lost, one ordinal at a time, or says what is lost.
func (p *planner) recreateLost() {
	if p.onLost() == "" {
		return
	}
	var lost []*member
	var first []string // the claims of the first that are lost
	var why string
	for _, m := range p.replicas {
		claims, words := p.lostClaims(m)
		if words == "" {
			continue
		}
		if len(lost) == 0 {
			first, why = claims, words
		}
		lost = append(lost, m)
		m.words = "cannot start: " + words
	}
	if len(lost) == 0 {
		return
	}
	if p.onLost() == v1alpha1.OnLostWait {
		words := fmt.Sprintf("%s %s; bring it back, or start anew without the data: delete pod %s and its claims (%s), or set claims.onLost to Recreate",
			lost[0].name, lost[0].words, lost[0].name, p.claimNames(lost[0]))
		p.block(reasonClaimLost, words)
		p.warn(reasonClaimLost, words)
		return
	}
	if other := p.comingBeside(lost); other != nil {
		p.wait(other, "making the claims of "+lost[0].name+" anew")
		return
	}
	p.makeAnew(lost[0], first, why)
}

// comingBeside is another pod than these that is on its way, nil if none is: no two members
// lose their data at once.
func (p *planner) comingBeside(lost []*member) *member {
	for _, m := range p.replicas {
		comes := m.owned() && (m.state == Terminating || m.state == Starting) || m.state == Missing && m.ordinal < lost[0].ordinal
		if comes && !slices.Contains(lost, m) {
			return m
		}
	}
	return nil
}

// claimNames are the claims that the ordinal of a pod is to have.
func (p *planner) claimNames(m *member) string {
	return strings.Join(lines(identity.ClaimTemplates(p.claimed), func(t *corev1.PersistentVolumeClaim) string {
		return identity.ClaimName(t.Name, p.Set.Name, m.ordinal)
	}), ", ")
}

// makeAnew deletes a pod that never started, after all of its claims: they are one instance's.
// The API server keeps them until the pod is gone, and new ones are made with the next pod.
// Those that are lost go last: whoever stops half way, no pod starts with a new claim beside
// one of before.
func (p *planner) makeAnew(m *member, lost []string, why string) {
	why += ", and claims.onLost is Recreate"
	var needs, last []Action
	for claim := range p.existingClaims(m.ordinal) {
		a := Action{Verb: Delete, Object: claim, Why: why}
		switch {
		case claim.DeletionTimestamp != nil:
		case slices.Contains(lost, claim.Name):
			last = append(last, a)
		default:
			needs = append(needs, a)
		}
	}
	p.remove(m, why)
	p.plan.Actions[m.action].Needs = append(needs, last...)
}

// lostClaims are the claims of a pod that are lost, and words for that which follow "cannot
// start: "; empty for none. The pod has not started, and what it lacks is read from the API
// server.
func (p *planner) lostClaims(m *member) (names []string, words string) {
	if !m.owned() || m.state != Starting && m.state != Stuck || !neverStarted(m.pod) || p.unexplained(m) > 0 {
		return nil, ""
	}
	var lost, missing []string
	for _, template := range identity.ClaimTemplates(p.claimed) {
		name := identity.ClaimName(template.Name, p.Set.Name, m.ordinal)
		if !mountsClaim(m.pod, name) {
			continue
		}
		switch claim := p.claimNow(name); {
		case p.ClaimsGone[name]:
			missing = append(missing, "claim "+name+" does not exist any more")
		case claim == nil:
		case claim.Status.Phase == corev1.ClaimLost:
			// On its way out or not: its pod keeps it there.
			names = append(names, name)
			lost = append(lost, fmt.Sprintf("claim %s is lost: its volume %s does not exist any more", name, claim.Spec.VolumeName))
		case claim.Status.Phase == corev1.ClaimBound && claim.DeletionTimestamp == nil:
			if nodes := p.lostNodes(m, claim.Spec.VolumeName); nodes != "" {
				names = append(names, name)
				lost = append(lost, fmt.Sprintf("claim %s is lost: its volume %s is on node %s, which does not exist any more", name, claim.Spec.VolumeName, nodes))
			}
		}
	}
	if len(p.plan.ClaimLooks)+len(p.plan.VolumeLooks) > 0 {
		return nil, "" // not before all is known
	}
	return names, strings.Join(slices.Concat(missing, lost), "; ")
}

func mountsClaim(pod *corev1.Pod, claim string) bool {
	return slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
		return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == claim
	})
}

// claimNow is a claim as the API server has it, nil if it is yet to be read, or is not there.
func (p *planner) claimNow(name string) *corev1.PersistentVolumeClaim {
	if seen := p.Claims[name]; seen != nil {
		if claim := p.ClaimsClosely[seen.UID]; claim != nil {
			return claim
		}
	}
	for _, claim := range p.ClaimsClosely {
		if claim.Name == name { // the cache is behind
			return claim
		}
	}
	if !p.ClaimsGone[name] && !slices.Contains(p.plan.ClaimLooks, name) {
		p.plan.ClaimLooks = append(p.plan.ClaimLooks, name)
	}
	return nil
}

// lostNodes are the nodes of a volume that do not exist any more, for a sentence; empty where
// that is not so, not known, or not so for long enough.
func (p *planner) lostNodes(m *member, volume string) string {
	known, has := p.Volumes[volume]
	if !has || p.Now.Sub(known.At) >= volumeHolds {
		if !slices.Contains(p.plan.VolumeLooks, volume) {
			p.plan.VolumeLooks = append(p.plan.VolumeLooks, volume)
		}
		return ""
	}
	p.lookAgain(known.At.Add(volumeHolds).Sub(p.Now))
	if known.Unknown != "" || len(known.LostNodes) == 0 {
		return ""
	}
	if left := m.pod.CreationTimestamp.Add(lostGrace).Sub(p.Now); left > 0 {
		p.lookAgain(left)
		return ""
	}
	return strings.Join(known.LostNodes, ", ")
}

// unknownVolumes say that nothing is known of volumes, and why.
func (p *planner) unknownVolumes() []string {
	for _, name := range slices.Sorted(maps.Keys(p.Volumes)) {
		if v := p.Volumes[name]; v.Unknown != "" {
			return []string{"spec.claims.onLost does not know whether nodes of volumes are gone: " + shorten(v.Unknown)}
		}
	}
	return nil
}
