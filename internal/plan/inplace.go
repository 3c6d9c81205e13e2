package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/override"
)

// InPlaceAnnotation on a pod says that it is being updated where it is, and to which
// revision. It comes before, or with, the first change, and goes when the pod shows the last.
const InPlaceAnnotation = "ordinal.dev/in-place"

// moveCheckEvery is how often a pod is looked at that is being updated in place: of most of
// what it waits for, the caches show nothing.
const moveCheckEvery = 2 * time.Second

// deferredTimeout is for how long a resize may be deferred where the policy does not say.
const deferredTimeout = time.Minute

// A moving is what the annotation says.
type moving struct {
	To    string    `json:"to"` // the revision's name
	Since time.Time `json:"since"`
	// Containers are the IDs, as they were before, of those that are to be restarted.
	Containers map[string]string `json:"containers,omitempty"`
	// Back are the containers that are to have their resources back, of a pod that has the
	// revision's label still.
	Back []string `json:"back,omitempty"`
}

// movingOf is what a pod's annotation says, nil if there is none. One that cannot be read is
// of no revision: such a pod is replaced.
func movingOf(pod *corev1.Pod) *moving {
	text, has := pod.Annotations[InPlaceAnnotation]
	if !has {
		return nil
	}
	m := &moving{}
	if json.Unmarshal([]byte(text), m) != nil {
		return &moving{}
	}
	return m
}

func (m moving) String() string { return encoded(m) }

// isMoving reports whether a pod is on its way to the target without being recreated, or has
// its revision already and does not show all of it yet. One that pods are not brought to any
// more is as outdated as others.
func (p *planner) isMoving(m *member) bool {
	if m.moves == nil || m.moves.To != p.goalOf(m) {
		return false
	}
	return m.moves.To == override.BuildOf(m.pod) || p.mayMove() && !p.belowPartition(m.ordinal)
}

// hasLeft reports whether a pod has begun to be updated in place to a revision that is not
// the target any more: it may have neither that one's resources nor its own.
func (p *planner) hasLeft(m *member) bool {
	return m.moves != nil && m.moves.To != override.BuildOf(m.pod) && m.moves.To != p.goalOf(m)
}

// mayMove reports whether the policy has pods updated in place.
func (p *planner) mayMove() bool {
	return p.rollout.InPlace != nil && p.rollout.InPlace.Mode != v1alpha1.InPlaceNever
}

// observeMoving takes a pod that is being updated in place for one that is not ready,
// whatever it says of its containers: those may be the old ones.
func (p *planner) observeMoving(m *member) {
	if m.moves = movingOf(m.pod); p.isMoving(m) && m.state > Unready {
		m.state, m.words = Unready, "is being updated in place"
	}
}

// updateInPlace begins to update a pod where it is. It returns false if the pod is to be
// recreated, and what is in the way where the policy would have it otherwise.
func (p *planner) updateInPlace(m *member, why string) (begun bool, obstacle string) {
	if !p.mayMove() || p.belowPartition(m.ordinal) {
		return false, ""
	}
	change, obstacle := p.changeInPlace(m)
	if obstacle == "" && len(change.Resources) > 0 && p.NoResize {
		obstacle = noResize
	}
	if obstacle != "" {
		if p.rollout.InPlace.Mode != v1alpha1.InPlaceOnly {
			return false, obstacle
		}
		p.plan.Waits = append(p.plan.Waits, Wait{For: m.name, State: "cannot be updated in place: " + obstacle, Holds: "updating " + m.name})
		p.block("NotInPlace", m.name+" cannot be updated in place: "+obstacle)
		return true, ""
	}
	m.state, m.words = Unready, "is being updated in place"
	switch pod := p.closely(m); {
	case pod == nil:
	case m.moves != nil && m.moves.To == override.BuildOf(m.pod) && m.notRestarted(pod) != "":
		m.words = m.notRestarted(pod) + ", and is then to be updated again"
		p.lookAgain(moveCheckEvery)
	default:
		p.move(m, pod, change, why)
	}
	return true, ""
}

// move plans the next write of a pod's update: its resources first, if they are not asked
// for, and then all else, with the revision's label.
func (p *planner) move(m *member, pod *corev1.Pod, change PodChange, why string) {
	mark := moving{To: p.goalOf(m), Since: p.Now.UTC().Truncate(time.Second)}
	isUnderWay := m.moves != nil && m.moves.To == mark.To
	if isUnderWay {
		mark.Since = m.moves.Since
	}
	if mark.To == override.BuildOf(m.pod) {
		mark.Back = slices.Sorted(maps.Keys(change.Resources))
	}
	if resources := unasked(pod, change.Resources); len(resources) > 0 {
		a := Action{Verb: Resize, Object: pod, Change: Change{Pod: &PodChange{Resources: resources}}, InTurn: true, Why: why}
		if !isUnderWay {
			a.Needs = []Action{note(pod, InPlaceAnnotation, mark.String(), why)}
		}
		p.do(a)
		return
	}
	if len(change.Resources) > 0 && !resized(pod, change.Resources) {
		p.awaitResize(pod, mark, why)
		return
	}
	for name := range change.Images {
		mark.Containers = with(mark.Containers, name, containerID(pod, name))
	}
	now := PodChange{Labels: maps.Clone(change.Labels), Annotations: maps.Clone(change.Annotations), Images: change.Images}
	if len(change.Images)+len(change.Resources) > 0 {
		value := mark.String()
		now.Annotations = with(now.Annotations, InPlaceAnnotation, &value)
	}
	p.markBuild(m, &now)
	p.do(Action{Verb: Update, Object: pod, InTurn: true, Why: why, Change: Change{Pod: &now}})
}

// awaitResize marks a pod whose resources are asked for, and that does not have them yet: by
// another leader, as the caches do not show yet, or by a person.
func (p *planner) awaitResize(pod *corev1.Pod, mark moving, why string) {
	p.lookAgain(moveCheckEvery)
	if is := movingOf(pod); is == nil || is.To != mark.To {
		a := note(pod, InPlaceAnnotation, mark.String(), why)
		a.InTurn = true
		p.do(a)
	}
}

// goOnInPlace carries on with pods that are being updated in place.
func (p *planner) goOnInPlace() {
	for _, m := range slices.Backward(p.replicas) {
		if !m.owned() || m.state == Terminating || m.state == Finished || !p.isMoving(m) {
			continue
		}
		p.lookAgain(moveCheckEvery)
		pod := p.closely(m)
		switch {
		case pod == nil:
		case m.moves.To != override.BuildOf(m.pod) || p.wantsBack(m, pod):
			p.goOnResizing(m, pod)
		default:
			p.settle(m, pod)
		}
	}
}

// goOnResizing waits for the resources of a pod, and then does the rest.
func (p *planner) goOnResizing(m *member, pod *corev1.Pod) {
	change, obstacle := p.changeInPlace(m)
	if obstacle == "" {
		obstacle = p.resizeObstacle(m, pod)
	}
	switch holds := p.mayMove() && p.rollout.InPlace.OnInfeasible == v1alpha1.InfeasibleHold; {
	case p.still != "":
		m.words = "is being updated in place, and the roll-out " + p.still
	case obstacle != "" && holds:
		m.words = "cannot be updated in place: " + obstacle
		p.block("NotInPlace", m.name+" "+m.words)
	case obstacle != "":
		p.takeDown(m, fmt.Sprintf("it cannot be updated in place: %s; and %s", obstacle, p.whyOutdated(m)))
	case len(unasked(pod, change.Resources)) == 0 && !resized(pod, change.Resources):
		m.words = "is being resized in place" + p.deferredWords(m, pod)
	default:
		p.move(m, pod, change, p.whyOutdated(m))
	}
}

// wantsBack reports whether a pod does not have the resources of its own revision again.
func (p *planner) wantsBack(m *member, pod *corev1.Pod) bool {
	if len(m.moves.Back) == 0 {
		return false
	}
	change, obstacle := p.changeInPlace(m)
	return obstacle != "" || len(unasked(pod, change.Resources)) > 0 || !resized(pod, change.Resources)
}

// settle ends the update of a pod that shows all of it: its node has seen the change, and
// the containers that were to be restarted are others, and run for as long as counts.
func (p *planner) settle(m *member, pod *corev1.Pod) {
	if words := p.unsettled(m, pod); words != "" {
		if ready, _ := readiness(m.pod, 0, p.Now); ready { // otherwise it says itself what it lacks
			m.words = words
		}
		p.noteRestarts(m, pod)
		return
	}
	p.do(note(pod, InPlaceAnnotation, "", "it shows all of its update"))
}

// unsettled says what a pod does not show yet of its update, to follow its name; empty if it
// shows all.
func (p *planner) unsettled(m *member, pod *corev1.Pod) string {
	if words := m.notRestarted(pod); words != "" {
		return words
	}
	for _, name := range slices.Sorted(maps.Keys(m.moves.Containers)) {
		status := statusOfContainer(pod, name)
		if status.State.Running == nil {
			return fmt.Sprintf("is being updated in place: container %s does not run yet", name)
		}
		if left := status.State.Running.StartedAt.Add(p.minReady).Sub(p.Now); left > 0 && p.minReady > 0 {
			p.lookAgain(left)
			return fmt.Sprintf("is updated in place, but container %s does not run for %s yet", name, p.minReady)
		}
	}
	if ready, left := readiness(pod, p.minReady, p.Now); !ready || left > 0 {
		if left > 0 {
			p.lookAgain(left)
		}
		return "is updated in place, and not ready again"
	}
	return ""
}

// notRestarted says that the node has not begun with all of a pod's last change; empty if it
// has. Only then another change can be told from it.
func (m *member) notRestarted(pod *corev1.Pod) string {
	if isUnseen(pod) {
		return "is being updated in place, and its node has not seen that yet"
	}
	for _, name := range slices.Sorted(maps.Keys(m.moves.Containers)) {
		if status := statusOfContainer(pod, name); status == nil || status.ContainerID == m.moves.Containers[name] {
			return fmt.Sprintf("is being updated in place: container %s is not restarted yet", name)
		}
	}
	return ""
}

// noteRestarts notes the containers that were restarted by themselves before the node has
// seen the change: they still run what they ran, and are to be restarted once more.
func (p *planner) noteRestarts(m *member, pod *corev1.Pod) {
	if !isUnseen(pod) {
		return
	}
	mark := *m.moves
	mark.Containers = maps.Clone(mark.Containers)
	for name := range mark.Containers {
		mark.Containers[name] = cmp.Or(containerID(pod, name), mark.Containers[name])
	}
	if maps.Equal(mark.Containers, m.moves.Containers) {
		return
	}
	p.do(note(pod, InPlaceAnnotation, mark.String(), "a container was restarted before its node has seen the change"))
}

// isUnseen reports whether the pod's node has not seen its last change, as far as it says so.
func isUnseen(pod *corev1.Pod) bool {
	return pod.Status.ObservedGeneration != 0 && pod.Status.ObservedGeneration < pod.Generation
}

// closely is a pod with all that the caches do not keep of it, nil if it is yet to be read.
func (p *planner) closely(m *member) *corev1.Pod {
	pod := p.Closely[m.pod.UID]
	if pod == nil && !slices.Contains(p.plan.Looks, m.name) {
		p.plan.Looks = append(p.plan.Looks, m.name)
	}
	return pod
}

// String is what becomes of the pod, as words that follow its name.
func (c *PodChange) String() string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(c.Images)) {
		words = append(words, fmt.Sprintf("container %s to run %s", name, c.Images[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Resources)) {
		words = append(words, fmt.Sprintf("container %s to have %s", name, amounts(c.Resources[name])))
	}
	for _, part := range []struct {
		name string
		all  map[string]*string
	}{{"label", c.Labels}, {"annotation", c.Annotations}} {
		for _, key := range slices.Sorted(maps.Keys(part.all)) {
			if slices.Contains([]string{appsv1.StatefulSetRevisionLabel, InPlaceAnnotation, override.Label, override.Annotation}, key) {
				continue // they are how it is done
			}
			if value := part.all[key]; value != nil {
				words = append(words, fmt.Sprintf("%s %s=%s", part.name, key, *value))
			} else {
				words = append(words, fmt.Sprintf("no %s %s", part.name, key))
			}
		}
	}
	if to := c.Labels[appsv1.StatefulSetRevisionLabel]; to != nil {
		words = append([]string{" to " + *to}, words...)
	} else if len(words) > 0 {
		words[0] = ": " + words[0]
	}
	return strings.Join(words, ", ")
}
