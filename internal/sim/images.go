package sim

import (
	"maps"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// What an image does, by the end of its name: "app:7-good" gets ready.
const (
	good      = "good"
	slow      = "slow"      // gets ready within a minute
	unready   = "unready"   // runs, and never gets ready
	quorate   = "quorum"    // is ready while most of the members run
	fragile   = "fragile"   // is good until it is started a second time, and then crashes
	loop      = "loop"      // runs for some seconds, and crashes
	crash     = "crash"     // crashes at once
	pull      = "pull"      // cannot be pulled
	config    = "config"    // wants an environment from a Secret that is not there
	mountless = "mountless" // wants a volume from a Secret that is not there
	nowhere   = "nowhere"   // fits on no node
	unseen    = "unseen"    // wants a scheduler that is not there
)

// neverRuns are the images whose containers never start, and what the kubelet says of
// them.
var neverRuns = map[string]string{
	pull: "ImagePullBackOff", config: "CreateContainerConfigError", mountless: "ContainerCreating",
}

// behaviour is what the image of a pod does.
func behaviour(spec *corev1.PodSpec) string {
	if command := spec.Containers[0].Command; len(command) > 0 { // of an override
		return command[0]
	}
	return does(imageOf(spec))
}

// does is what an image does.
func does(image string) string {
	_, how, _ := strings.Cut(image, "-")
	return how
}

// isWell reports whether a set gets ready with an image, and stays so.
func isWell(how string) bool { return how == good || how == slow || how == quorate }

// isDeadlocked reports whether a set has lost members in order that wait for most of
// them: the first would have to be ready before the next is created. What heal takes
// comes back all the same; what others took, or a controller that cannot know of it, or an
// update, before another member was lost, is for the set's user to see to.
func (w *World) isDeadlocked(set *appsv1.StatefulSet) bool {
	if set.Spec.PodManagementPolicy == appsv1.ParallelPodManagement {
		return false
	}
	strategy := set.Spec.UpdateStrategy
	severalGo := strategy.Type == appsv1.RecreateStatefulSetStrategyType || strategy.RollingUpdate != nil && strategy.RollingUpdate.MaxUnavailable.IntValue() > 1
	q := w.quorumOf(set.Name)
	return severalGo || q.ruled || q.depleted || len(q.taken) > 0 || len(w.instances) > 1
}

// quorum is what the members of a set know of each other.
type quorum struct {
	joined   []int // the ordinals that have been ready
	taken    []int // those that the controller has taken while they were, for an update, and that are not back
	asked    bool  // an image of the set has asked for one
	depleted bool  // others than the controller have taken members away
	ruled    bool  // there was a policy, which may have several go at once
	counting bool
}

func (w *World) quorumOf(set string) *quorum {
	q := w.quorums[set]
	if q == nil {
		q = &quorum{}
		w.quorums[set] = q
	}
	return q
}

// deplete takes in that a pod is taken away by another than the controller, or has ended,
// and that a set wants fewer.
func (w *World) deplete(e apiserver.Event) {
	if set, ok := e.Object.(*appsv1.StatefulSet); ok {
		q := w.quorumOf(set.Name)
		q.joined = slices.DeleteFunc(q.joined, func(ordinal int) bool { return e.Type == deleted || !identity.OrdinalsOf(set).Contains(ordinal) })
		return
	}
	pod, ok := e.Object.(*corev1.Pod)
	if !ok || e.Old == nil {
		return
	}
	set, ordinal, ok := identity.Parse(pod.Name)
	switch q := w.quorumOf(set); {
	case !ok:
	case w.writer == nil && (removal(e) || finished(pod)):
		q.depleted = true
	case removal(e) && isReady(pod):
		q.taken = append(q.taken, ordinal)
	}
}

// join makes a pod a member whose absence is noticed.
func (w *World) join(pod string) {
	if set, ordinal, ok := identity.Parse(pod); ok {
		q := w.quorumOf(set)
		q.taken = slices.DeleteFunc(q.taken, func(o int) bool { return o == ordinal })
		if !slices.Contains(q.joined, ordinal) {
			q.joined = append(q.joined, ordinal)
		}
	}
}

// askForQuorum has a pod whose container runs now be counted.
func (w *World) askForQuorum(pod, how string) {
	if set, _, ok := identity.Parse(pod); ok && how == quorate {
		w.quorumOf(set).asked = true
	}
	w.countQuorum(pod)
}

// countQuorum has the members of a pod's set notice in a while that it runs or does not.
func (w *World) countQuorum(pod string) {
	set, _, ok := identity.Parse(pod)
	if q := w.quorumOf(set); ok && q.asked && !q.counting {
		q.counting = true
		w.after(w.between("quorum", 200*time.Millisecond, 3*time.Second), "member of "+set, func() {
			q.counting = false
			w.tellReadiness(set)
		})
	}
}

// tellReadiness reports of each member whose image asks for a quorum whether it is ready.
func (w *World) tellReadiness(set string) {
	run := map[int]*node{}
	for _, n := range w.nodes {
		for name, c := range n.containers {
			if of, ordinal, ok := identity.Parse(name); ok && of == set && n.works() && !c.stopping {
				run[ordinal] = n
			}
		}
	}
	for _, ordinal := range slices.Sorted(maps.Keys(run)) {
		n, name := run[ordinal], identity.PodName(set, ordinal)
		pod := n.pod(name)
		if pod == nil || pod.UID != n.containers[name].uid || does(n.containers[name].image) != quorate {
			continue
		}
		if ready := w.isMost(set, ordinal, isReady(pod), run); ready != isReady(pod) {
			n.report(name, pod.UID, corev1.PodRunning, ready, w.running())
			w.countQuorum(name)
		}
	}
}

// isMost reports whether most of the members that have joined run, as the given one sees
// it, which may be about to join. Two that need each other may lose one, or no update
// could be rolled out.
func (w *World) isMost(set string, self int, isReady bool, run map[int]*node) bool {
	members := []int{self}
	for _, ordinal := range w.quorumOf(set).joined {
		if ordinal != self {
			members = append(members, ordinal)
		}
	}
	n := 0
	for _, ordinal := range members {
		if run[ordinal] != nil {
			n++
		}
	}
	return 2*n > len(members) || isReady && 2*n == len(members)
}
