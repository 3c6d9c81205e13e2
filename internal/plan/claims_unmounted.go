package plan

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/identity"
)

// Some drivers grow a volume only while no node has it: to others they answer
// FailedPrecondition (the CSI specification's ControllerExpandVolume). To delete the pod is not
// enough then, since the next one would have the volume again: it is made when the volume has
// grown.

// UnmountedAnnotation on a claim says since when, and for which change, its pod is away so
// that it can grow. Without it a new leader would make the pod at once, or delete it again.
const UnmountedAnnotation = "ordinal.dev/unmounted"

// unmountHolds is for how long a pod stays away for that. A driver that has not grown the
// volume by then has another reason.
const unmountHolds = 5 * time.Minute

// noteHolds is for how long the annotation is good enough, where a budget keeps the pod and its
// eviction is tried again and again.
const noteHolds = time.Minute

// growsUnmounted reports whether a claim waits for its driver, which refuses it while a node
// has the volume, and since when.
func growsUnmounted(claim *corev1.PersistentVolumeClaim) (since time.Time, is bool) {
	stage, _ := growth(claim)
	c := claimCondition(claim, corev1.PersistentVolumeClaimControllerResizeError)
	if stage != ClaimChanging || c == nil || !strings.Contains(c.Message, "FailedPrecondition") {
		return time.Time{}, false
	}
	return c.LastTransitionTime.Time, true
}

// unmountedFor is when a claim's pod was taken away for the change that it has, zero if it was
// not.
func unmountedFor(claim *corev1.PersistentVolumeClaim) time.Time {
	var m claimMark
	if json.Unmarshal([]byte(claim.Annotations[UnmountedAnnotation]), &m) != nil || m.Template != claimMarkOf(claim).Template {
		return time.Time{}
	}
	return m.At
}

// mustUnmount reports whether a claim can grow only when its pod is away, which it was not yet,
// and how much longer the driver has to do without.
func (p *planner) mustUnmount(m *member, claim *corev1.PersistentVolumeClaim) (left time.Duration, is bool) {
	since, is := growsUnmounted(claim)
	if !is || m.pod == nil {
		return 0, false
	}
	if at := unmountedFor(claim); !at.IsZero() && !m.pod.CreationTimestamp.Time.Before(at) {
		return 0, false // it was away, and that did not help
	}
	if ready := readyCondition(m.pod); ready == nil || ready.Status != corev1.ConditionTrue {
		return 0, false
	}
	return since.Add(mountGrace).Sub(p.Now), true
}

// noteUnmounted is what is noted on claims before their pod goes, so that they can grow.
func (p *planner) noteUnmounted(m *member) []Action {
	var notes []Action
	for i := range p.wanted {
		claim := p.Claims[identity.ClaimName(p.wanted[i].Name, p.Set.Name, m.ordinal)]
		if claim == nil || p.wanted[i].isDue(claim) {
			continue
		}
		isNoted := p.Now.Sub(unmountedFor(claim)) < noteHolds
		if left, is := p.mustUnmount(m, claim); is && left <= 0 && !isNoted {
			mark := claimMark{Template: p.wanted[i].hash, At: p.Now.UTC().Truncate(time.Second)}.String()
			notes = append(notes, note(claim, UnmountedAnnotation, mark, "it grows only while no pod has it"))
		}
	}
	return notes
}

// growsMeanwhile is how much longer a pod is not made since a claim of it grows only without
// one; zero if it is made.
func (p *planner) growsMeanwhile(claim *corev1.PersistentVolumeClaim) time.Duration {
	stage, _ := growth(claim)
	at := unmountedFor(claim)
	if len(p.wanted) == 0 || at.IsZero() || stage != ClaimAsked && stage != ClaimChanging {
		return 0
	}
	return max(0, at.Add(unmountHolds).Sub(p.Now))
}

// unmountWords are how far a claim is whose driver may grow it only without its pod.
func (p *planner) unmountWords(m *member, claim *corev1.PersistentVolumeClaim, words string) (ClaimStage, string) {
	left, must := p.mustUnmount(m, claim)
	switch {
	case must && left > 0:
		p.lookAgain(left)
	case must:
		return ClaimRestart, fmt.Sprintf("grows only while no pod has it: %s is to be away until then%s", m.name, p.byUser())
	}
	return ClaimChanging, words
}

// byUser says that it is for the user to have a pod away, where nobody else does.
func (p *planner) byUser() string {
	if p.strategy != appsv1.OnDeleteStatefulSetStrategyType {
		return ""
	}
	return "; with updateStrategy OnDelete, that is for you to see to: scale down past it, and up again"
}
