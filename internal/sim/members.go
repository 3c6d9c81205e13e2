package sim

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/controller/hooks"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// membership is what the application knows of a member, by the name of its pod.
type membership struct {
	asked     bool                   // to leave, and it has not been told since that it stays
	leaves    map[*instance]leaveRun // those that controllers have running
	rounds    map[string]bool        // in which it has left, or joined: see round
	cancels   int                    // how often it was told that it stays
	cancelled *instance              // by whom last
	lost      bool                   // somebody has deleted what was noted of it
}

// leaveRun is a leave that runs: in which pod, and for which set. One that is made anew does not
// know of it.
type leaveRun struct {
	in  *corev1.Pod
	set types.UID
}

// round is one departure of a pod, or one join of an ordinal, as a controller has it noted.
func round(c plan.HookCall) string { return string(c.UID) + " " + c.Revision }

func (w *World) membershipOf(pod string) *membership {
	m := w.memberships[pod]
	if m == nil {
		m = &membership{rounds: map[string]bool{}, leaves: map[*instance]leaveRun{}}
		w.memberships[pod] = m
	}
	return m
}

// beginAnew has the application know nothing of a member that comes, unless it is one that was
// asked to leave, was lost, and comes back before it is told anything else.
func (w *World) beginAnew(e apiserver.Event) {
	if r, ok := e.Object.(*appsv1.ControllerRevision); ok && e.Type == deleted && w.writer == nil {
		w.loseNotes(r)
		return
	}
	if _, ok := e.Object.(*corev1.Pod); !ok || e.Type != added || w.memberships[e.Object.GetName()] == nil {
		return
	}
	set, ordinal, _ := identity.Parse(e.Object.GetName())
	for _, object := range w.api.List(revisions, namespace) {
		if owner := metav1.GetControllerOfNoCopy(object); owner != nil && owner.Name == set {
			if d, leaves := departuresOn(object.(*appsv1.ControllerRevision))[ordinal]; leaves && d.Left.IsZero() {
				return
			}
		}
	}
	w.membershipOf(e.Object.GetName()).asked = false
}

// loseNotes has nobody held to what a revision said of members that leave: a user has deleted it.
func (w *World) loseNotes(r *appsv1.ControllerRevision) {
	for ordinal := range departuresOn(r) {
		if owner := metav1.GetControllerOfNoCopy(r); owner != nil {
			w.membershipOf(identity.PodName(owner.Name, ordinal)).lost = true
		}
	}
}

// mayLeave reports whether a member was asked to leave and has not been told since that it
// stays, or still does what a controller has asked it to, which undoes that.
func (w *World) mayLeave(m *membership, by *instance) bool {
	run := m.leaves[by]
	set := w.set(by.acting)
	return m.asked || run.in != nil && set != nil && set.UID == run.set && w.isThere(run.in)
}

// runHook has the application do what it is asked, and answer.
func (i *instance) runHook(set string, c plan.HookCall, end func(hooks.Answer)) {
	if !c.TakesTime() {
		i.w.answer(set, c, end)
		return
	}
	if of := i.w.set(set); c.Name == plan.LeaveHook && of != nil {
		m := i.w.membershipOf(c.About)
		m.asked, m.leaves[i] = true, leaveRun{c.Pod, of.UID}
	}
	i.w.answerMember(i, set, c, end)
}

// answerMember is what the application makes of a leave, or of a cancel, and when. Once the
// faults are over it does what it is asked.
func (w *World) answerMember(i *instance, set string, c plan.HookCall, end func(hooks.Answer)) {
	takes, fate := w.between("leave", 20*time.Millisecond, 30*time.Second), w.rand("leave").IntN(12)
	before := w.membershipOf(c.About).cancels
	later := func(d time.Duration, a hooks.Answer, does bool) {
		w.after(min(d, c.Timeout), "member of "+set, func() {
			if c.Name == plan.LeaveHook {
				delete(w.membershipOf(c.About).leaves, i)
			}
			if !w.isThere(c.Pod) {
				end(hooks.Answer{Output: "the connection was lost"})
				return
			}
			if does {
				w.membershipOf(c.About).do(i, c, before)
			}
			if d <= c.Timeout {
				end(a)
			} else {
				end(hooks.Answer{Output: "no answer"})
			}
		})
	}
	if !w.calm && fate >= 6 {
		w.counts.Faults++
	}
	switch {
	case w.calm || fate < 6:
		later(takes, hooks.Answer{OK: true}, true)
	case fate < 9:
		later(takes, hooks.Answer{NotYet: true, Output: "moving"}, false)
	case fate == 9: // done, and the answer is lost
		later(c.Timeout+1, hooks.Answer{}, true)
	case fate == 10:
		later(takes, hooks.Answer{Output: "not now"}, false)
	default:
		later(c.Timeout+1, hooks.Answer{}, false)
	}
}

// do does what a hook asks for. A leave that somebody else has cancelled since it began comes to
// nothing; one that its own controller has cancelled goes on, and undoes that.
func (m *membership) do(i *instance, c plan.HookCall, before int) {
	if c.Name == plan.JoinHook {
		m.rounds[round(c)] = true
		return
	}
	if c.Name == plan.CancelHook {
		m.asked, m.cancelled = false, i
		m.cancels++
		return
	}
	if m.cancels == before || m.cancelled == i {
		m.asked = true
		m.rounds[round(c)] = true
	}
}

// isThere reports whether a container of the pod runs, where it can be reached.
func (w *World) isThere(pod *corev1.Pod) bool {
	for _, n := range w.nodes {
		if c := n.containers[pod.Name]; c.uid == pod.UID {
			return n.works()
		}
	}
	return false
}

// theNamespace is the one in which everything happens.
func (w *World) theNamespace() corev1.Namespace {
	space := corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if w.api.Terminating[namespace] {
		space.DeletionTimestamp = &metav1.Time{Time: w.now}
	}
	return space
}
