package sim

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// healPause is after how long a pod that has not started counts as one that cannot, and
// one that is being deleted is not waited for any more beyond its time to stop.
const healPause = 30 * time.Second

var healIsCareful = promise{
	sentence: "Heal shortens outages: in order it takes down no pod of which a container runs, and no second one before the first one's replacement has started or cannot start.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		if set, ok := e.Object.(*appsv1.StatefulSet); ok {
			j.forgetHealed(set)
		}
		if _, ok := e.Object.(*corev1.Pod); !ok || !removal(e) {
			return ""
		}
		pod := e.Old.(*corev1.Pod)
		j.noteReplaced(pod)
		if by == nil {
			return ""
		}
		words := j.allowed(e, by, func(v *view) string {
			if !v.isHealed(pod) || j.mayStartAnew(e, v, pod, by) == "" {
				return ""
			}
			return j.mayHeal(v, pod, by)
		})
		if v := j.viewBefore(e, by, j.versions(e, by)[0], j.rulings(e, by, by.ownSince)[0]); v.isHealed(pod) {
			j.healed[pod.Name] = healedPod{uid: pod.UID, by: by}
		}
		return words
	},
}

// healedPod is the pod of a name that heal has taken down last, and who did it, which
// nobody else can know.
type healedPod struct {
	uid types.UID
	by  *instance
	// undone says that its replacement was taken down in turn, and not for heal.
	undone bool
}

// noteReplaced notes that a pod is taken down, by whomever: it may be the replacement of one
// that heal took.
func (j *judge) noteReplaced(pod *corev1.Pod) {
	if h, has := j.healed[pod.Name]; has && h.uid != pod.UID {
		h.undone = true
		j.healed[pod.Name] = h
	}
}

// forgetHealed forgets the pods of ordinals that are not wanted any more: should they be again,
// nobody comes back.
func (j *judge) forgetHealed(set *appsv1.StatefulSet) {
	for name := range j.healed {
		if owner, ordinal, _ := identity.Parse(name); owner == set.Name && !j.viewNow(set).wanted(ordinal) {
			delete(j.healed, name)
		}
	}
}

// isHealed reports whether a pod that is taken down is so because it cannot start. In
// order no pod's turn comes before all are available.
func (v *view) isHealed(pod *corev1.Pod) bool {
	ordinal := v.ordinal(pod)
	rolling := v.set.Spec.UpdateStrategy.Type == appsv1.RollingUpdateStatefulSetStrategyType
	return rolling && v.ordered() && v.wanted(ordinal) && !v.goesForGood(pod) && !v.isHeldBack(pod) && v.outdated(pod) &&
		!finished(pod) && !v.available(pod) && !v.isMoving(pod)
}

// mayHeal says why a pod may not be taken down for heal. Where it counts who serves, all that
// do not go at once.
func (j *judge) mayHeal(v *view, pod *corev1.Pod, by *instance) string {
	if v.servingCounts() && !isReady(pod) {
		return ""
	}
	if runs(pod) && !v.strays(pod) { // an override was changed for the sake of this very pod
		return fmt.Sprintf("%s was taken down, and a container of it runs", pod.Name)
	}
	for _, name := range sortedKeys(j.healed) {
		if h := j.healed[name]; name != pod.Name && h.by == by && !h.undone && j.isHealing(v, name, h.uid) {
			return fmt.Sprintf("%s was taken down while the replacement of %s had not started", pod.Name, name)
		}
	}
	return ""
}

// isHealing reports whether a pod that was taken down for heal is on its way out, or its
// replacement on its way to start.
func (j *judge) isHealing(v *view, name string, uid types.UID) bool {
	set, ordinal, _ := identity.Parse(name) // it is a member's name
	if set != v.set.Name || !v.wanted(ordinal) || v.belowPartition(ordinal) {
		return false
	}
	switch pod := v.pods[name]; {
	case pod == nil:
		return !j.isClaimGoing(claimOf(set, ordinal))
	case pod.DeletionTimestamp != nil:
		return pod.UID == uid && v.now.Before(pod.DeletionTimestamp.Add(healPause))
	default:
		return pod.UID != uid && v.owns(pod) && v.mayStillStart(pod) // it may have been released since
	}
}

func (j *judge) isClaimGoing(name string) bool {
	claim, err := j.w.api.Get(claims, keyOf(name))
	return err == nil && claim.GetDeletionTimestamp() != nil
}

// mayStillStart reports whether a pod has not started, and may be about to.
func (v *view) mayStillStart(pod *corev1.Pod) bool {
	if runs(pod) || finished(pod) || restarts(pod) > 0 || cannotStart(pod) {
		return false
	}
	begun := pod.CreationTimestamp.Time
	if at := pod.Status.StartTime; at != nil {
		begun = at.Time
	}
	return v.now.Before(begun.Add(healPause))
}

// cannotStart reports whether the pod waits for what does not come by itself, by what
// its node or the scheduler says.
func cannotStart(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return true
		}
	}
	for _, c := range pod.Status.ContainerStatuses {
		if w := c.State.Waiting; w != nil && w.Reason != "ContainerCreating" {
			return true
		}
	}
	return false
}

// comesBack reports whether a missing pod need not wait for those before it: it was
// there beside them before heal began, and they may be waiting for it. A controller that
// has seen a set for the first time just now cannot know what was there.
func (j *judge) comesBack(v *view, ordinal int, by *instance) bool {
	if v.set.Spec.UpdateStrategy.Type != appsv1.RollingUpdateStatefulSetStrategyType {
		return false
	}
	isNew := j.w.now.Add(by.skew).Sub(latest(by.met[v.set.UID], v.set.CreationTimestamp.Time)) < healPause+mostBehind
	atWork := isNew && v.looks[v.set.Status.CurrentRevision] != v.wantedLook()
	reached := -1
	for name := range j.healed {
		if set, healed, _ := identity.Parse(name); set == v.set.Name && v.wanted(healed) {
			atWork, reached = true, max(reached, healed)
		}
	}
	for _, pod := range v.pods {
		if other := v.ordinal(pod); v.owns(pod) && v.wanted(other) {
			reached = max(reached, other)
			healable := !runs(pod) || v.strays(pod) && !isReady(pod)
			atWork = atWork || v.outdated(pod) && healable && !v.isHeldBack(pod)
		}
	}
	return atWork && (ordinal <= reached || isNew)
}
