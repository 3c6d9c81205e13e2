package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/override"
)

// FailedAnnotation on a ControllerRevision says that its roll-out has failed. To remove it
// is to try again.
const FailedAnnotation = "ordinal.dev/failed"

// A mark is what the annotation says.
type mark struct {
	// Revision is the number that the revision had: when a user comes back to its template
	// it has another, and the roll-out of that has not failed. 0 counts for every number.
	Revision int64     `json:"revision,omitempty"`
	At       time.Time `json:"at,omitzero"`
	Reason   string    `json:"reason"`
	// Pod is what was not available, if it was made with an override, and Override the hash of
	// that: with another one the roll-out has not failed.
	Pod      string `json:"pod,omitempty"`
	Override string `json:"override,omitempty"`
}

// markOf is the mark that a revision has, nil for none that counts. One that a person wrote
// by hand counts whatever it says.
func markOf(r *appsv1.ControllerRevision) *mark {
	text, has := r.Annotations[FailedAnnotation]
	if !has {
		return nil
	}
	m := &mark{}
	if err := json.Unmarshal([]byte(text), m); err != nil {
		return &mark{Reason: "annotation " + FailedAnnotation + " says " + shorten(text)}
	}
	if m.Revision != 0 && m.Revision != r.Revision {
		return nil
	}
	return m
}

// judgeRollOut finds out whether the roll-out of the update revision goes on, has failed, or
// is paused.
func (p *planner) judgeRollOut() {
	if p.rollout.ProgressDeadlineSeconds != nil && p.rollingOut() {
		p.failed = p.unlessMended(markOf(p.update))
	}
	if p.failed != nil {
		if p.rollout.OnFailure == v1alpha1.Revert && p.current.Name != p.update.Name {
			p.target = p.current
			p.observeAgain()
		} else {
			p.still = fmt.Sprintf("of revision %s has failed", p.update.Name)
		}
	}
	if p.rollout.Paused {
		p.still = "is paused"
		if p.mayAct() && (p.rollingOut() || p.overriding()) { // whatever else is waited for: the time does not count
			p.pause = reasonPaused
		}
	}
	p.noteBorne()
}

// observeAgain takes in that pods which are on their way in place are so to another revision
// than pods are brought to.
func (p *planner) observeAgain() {
	for _, m := range p.replicas {
		if m.moves != nil && m.owned() {
			p.observe(m)
		}
	}
}

// rollingOut reports whether the update revision is on its way: not all pods that are to
// have it do and are available, and it is not the revision that they had before.
func (p *planner) rollingOut() bool {
	arrived, behind := true, p.current.Name != p.update.Name
	for _, m := range p.replicas {
		if p.belowPartition(m.ordinal) || p.isKept(m) {
			continue
		}
		isOld := m.owned() && (identity.Revision(m.pod) != p.update.Name || p.hasLeft(m))
		behind = behind || isOld
		arrived = arrived && !isOld && m.state == Available
	}
	return behind && !arrived
}

// markFailed marks the update revision when its roll-out has got no further for as long as
// the policy allows. Nothing follows from that before the mark is there: it is what a new
// leader goes by, too.
func (p *planner) markFailed() {
	switch {
	case p.rollout.ProgressDeadlineSeconds == nil, p.failed != nil, !p.rollingOut(), p.update.CreationTimestamp.IsZero():
		return
	case p.held != nil, p.handing, p.blamesOverride(): // it is for something else that it gets no further
		return
	case !p.deadlineExceeded(), p.getsFurther():
		return
	}
	m := mark{Revision: p.update.Revision, At: p.Now.UTC().Truncate(time.Second), Reason: p.standing() + p.overrideWords()}
	if suspect := p.overrideSuspect(); suspect != nil {
		m.Pod, m.Override = suspect.name, override.HashOn(suspect.pod)
	}
	p.do(note(p.update, FailedAnnotation, encoded(m), fmt.Sprintf("its roll-out has got no further for %s: %s", p.deadline, p.standing())))
}

// getsFurther reports whether the plan itself takes a pod down, adopts one, or makes one or
// begins to update one in place that was not refused: a controller that was away for long finds
// that nothing has happened, and goes on.
func (p *planner) getsFurther() bool {
	return slices.ContainsFunc(p.plan.Actions, func(a Action) bool {
		pod, ok := a.Object.(*corev1.Pod)
		switch {
		case !ok:
			return false
		case a.Verb == Delete || a.Verb == Evict || a.Verb == Adopt:
			return true
		}
		return p.Refused == nil && (a.Verb == Create || a.Change.Pod != nil && movingOf(pod) == nil)
	})
}

// isLate reports whether the deadline for progress has passed. For a roll-out with a policy
// that is so once its revision is marked.
func (p *planner) isLate() bool {
	if p.rollout.ProgressDeadlineSeconds != nil && p.rollingOut() {
		return p.failed != nil || p.blamesOverride() && p.deadlineExceeded()
	}
	return p.deadlineExceeded()
}

// startsAnew reports whether a roll-out begins that a policy has a deadline for: there was
// another update revision until now, or the mark of this one was removed.
func (p *planner) startsAnew() bool {
	if p.rollout.ProgressDeadlineSeconds == nil || p.failed != nil {
		return false
	}
	c := findCondition(p.Set.Status.Conditions, appsv1.StatefulSetProgressing)
	wasMarked := c != nil && c.Reason == reasonTooLate && p.rollingOut() && !p.blamesOverride()
	return c == nil || wasMarked || p.Set.Status.UpdateRevision != p.update.Name
}

// failedWords say that the roll-out has failed, why, and what the set is at.
func (p *planner) failedWords() string {
	words := fmt.Sprintf("the roll-out of revision %s has failed: %s", p.update.Name, p.failed.Reason)
	if p.target.Name == p.update.Name {
		return words
	}
	if standing := p.standing(); standing != "" {
		return fmt.Sprintf("%s; on the way back to %s: %s", words, p.target.Name, standing)
	}
	return fmt.Sprintf("%s; all pods are at %s again", words, p.target.Name)
}
