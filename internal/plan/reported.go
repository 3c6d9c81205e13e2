package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// explainAfter is for how long a pod is on its way before it is asked why. Most are
// there by then.
const explainAfter = 10 * time.Second

// A Report is an event that another component recorded about a pod or a claim.
type Report struct {
	UID             types.UID // of what it is about
	Warning         bool
	Reason, Message string
	At              time.Time // when it was last recorded
}

// An Ask is a pod or a claim whose events say what keeps a pod from starting.
type Ask struct {
	Kind, Name string // the kind is "Pod" or "PersistentVolumeClaim"
	UID        types.UID
}

// isOnItsWay reports whether a pod has no container that runs yet, and its set waits
// for one.
func (m *member) isOnItsWay() bool {
	return m.pod != nil && (m.state == Starting || m.state == Stuck) && m.pod.Status.Phase == corev1.PodPending
}

// hasNode is false for a pod that the scheduler still has.
func (m *member) hasNode() bool { return m.pod.Spec.NodeName != "" }

// unexplained is how much longer a pod is on its way before it is asked why.
func (p *planner) unexplained(m *member) time.Duration {
	return max(0, m.pod.CreationTimestamp.Add(explainAfter).Sub(p.Now))
}

// explain adds to the words of a pod that takes long to start what others report of it,
// or of the claim that it waits for.
func (p *planner) explain(m *member) {
	if !m.isOnItsWay() || p.unexplained(m) > 0 {
		return
	}
	claim, warning := p.claimWords(m), p.lastWarning(m.pod.UID)
	switch byScheduler := m.state == Stuck && !m.hasNode(); {
	case byScheduler && claim != "" && blamesClaims(m.pod):
		m.words = "cannot start: it " + claim
	case byScheduler: // it says why in the pod's status
	case m.state == Starting && claim != "":
		m.words = claim
	case warning != "":
		m.words += ": " + warning
	case !m.hasNode() && podCondition(m.pod, corev1.PodScheduled) == nil:
		m.words = "has no node yet, and the scheduler does not say why"
	}
}

// blamesClaims reports whether the scheduler waits for claims, and not for a node that
// is good enough: claims that are bound when the pod is placed are unbound then, too.
func blamesClaims(pod *corev1.Pod) bool {
	c := podCondition(pod, corev1.PodScheduled)
	return c != nil && strings.Contains(c.Message, "unbound immediate PersistentVolumeClaims")
}

// lastWarning is the newest warning about a pod in words, of those that say more than
// the pod's status does.
func (p *planner) lastWarning(uid types.UID) string {
	return p.newest(uid, func(r *Report) bool {
		status, repeats := strings.CutPrefix(r.Message, "Error: ")
		return r.Warning && r.Reason != "BackOff" && !(repeats && cannotStart[status])
	}).String()
}

// newest is the newest report about an object among those that count, nil if there is
// none.
func (p *planner) newest(uid types.UID, counts func(*Report) bool) *Report {
	var newest *Report
	for i := range p.Reported {
		r := &p.Reported[i]
		if r.UID == uid && counts(r) && (newest == nil || !r.At.Before(newest.At)) {
			newest = r
		}
	}
	return newest
}

// String is the report as words that follow a colon; empty for none.
func (r *Report) String() string {
	if r == nil {
		return ""
	}
	return r.Reason + ": " + shorten(strings.Join(strings.Fields(r.Message), " "))
}

// claimWords says what claim a pod waits for, and what that one waits for, to follow
// the pod's name; empty if it waits for none.
func (p *planner) claimWords(m *member) string {
	claim := p.unboundClaim(m)
	if claim == nil {
		return ""
	}
	class, volume := claim.Spec.StorageClassName, claim.Spec.VolumeName
	words := "waits for claim " + claim.Name
	if class != nil && *class != "" {
		words += " of class " + *class
	}
	report := p.newest(claim.UID, func(*Report) bool { return true })
	switch awaitsPod := report != nil && (report.Reason == "WaitForFirstConsumer" || report.Reason == "WaitForPodScheduled"); {
	case claim.Status.Phase == corev1.ClaimLost:
		return fmt.Sprintf("%s, whose volume %s is lost", words, volume)
	case awaitsPod && m.hasNode():
		return words + ", which is bound when the scheduler places the pod, and spec.nodeName of the pod template passes the scheduler by"
	case awaitsPod:
		return ""
	case volume != "":
		return fmt.Sprintf("%s, which waits for volume %s", words, volume)
	case class == nil:
		return words + ", which has no StorageClass, and there is no default one"
	case report != nil:
		return words + ": " + report.String()
	case *class == "":
		return words + ", which is to be bound to a volume without a StorageClass"
	}
	return words + ", which is not bound"
}

// unboundClaim is the first claim of a pod that is known to have no volume, nil if there
// is none.
func (p *planner) unboundClaim(m *member) *corev1.PersistentVolumeClaim {
	for _, claim := range p.claimsOf(m.ordinal) {
		if claim != nil && (claim.Status.Phase == corev1.ClaimPending || claim.Status.Phase == corev1.ClaimLost) {
			return claim
		}
	}
	return nil
}

// askWhy lists the pods that take long to start, and the claims that they wait for, and
// looks again when one begins to take long.
func (p *planner) askWhy() {
	for _, m := range slices.Concat(p.replicas, p.condemned) {
		if !m.isOnItsWay() {
			continue
		}
		if left := p.unexplained(m); left > 0 {
			p.lookAgain(left)
			continue
		}
		if m.state == Starting || m.hasNode() {
			p.plan.Asks = append(p.plan.Asks, Ask{"Pod", m.name, m.pod.UID})
		}
		if claim := p.unboundClaim(m); claim != nil {
			p.plan.Asks = append(p.plan.Asks, Ask{"PersistentVolumeClaim", claim.Name, claim.UID})
		}
	}
}
