package sim

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var healIsCareful = promise{
	sentence: "Heal shortens outages: it takes down no pod of which a container runs, and no second one before the first one's replacement has started or cannot start.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		if _, ok := e.Object.(*corev1.Pod); !ok || by == nil || !removal(e) {
			return ""
		}
		pod := e.Old.(*corev1.Pod)
		words := j.allowed(e, by, func(v *view) string {
			if !v.isHealed(pod) {
				return ""
			}
			return j.mayHeal(v, pod)
		})
		if v := j.viewBefore(e, by, j.versions(e, by)[0]); v.isHealed(pod) {
			j.healed[pod.Name] = pod.UID
		}
		return words
	},
}

// isHealed reports whether a pod that is taken down is so because it cannot start, and
// not because its turn has come.
func (v *view) isHealed(pod *corev1.Pod) bool {
	ordinal := v.ordinal(pod)
	rolling := v.set.Spec.UpdateStrategy.Type == appsv1.RollingUpdateStatefulSetStrategyType
	switch {
	case !rolling || !v.wanted(ordinal) || finished(pod) || !v.outdated(pod) || v.available(pod) || v.belowPartition(ordinal):
		return false
	case !v.ordered():
		return !runs(pod)
	}
	return v.withinBudget(pod, ordinal) != ""
}

// mayHeal says why a pod may not be taken down for heal.
func (j *judge) mayHeal(v *view, pod *corev1.Pod) string {
	if runs(pod) {
		return fmt.Sprintf("%s was taken down, and a container of it runs", pod.Name)
	}
	for _, name := range sortedKeys(j.healed) {
		if name != pod.Name && v.isHealing(name, j.healed[name]) {
			return fmt.Sprintf("%s was taken down while the replacement of %s had not started", pod.Name, name)
		}
	}
	return ""
}

// isHealing reports whether a pod that was taken down for heal is not gone yet, or will
// be replaced by one that may still start.
func (v *view) isHealing(name string, uid types.UID) bool {
	set, ordinal, _ := identity.Parse(name) // it is a member's name
	if set != v.set.Name || !v.wanted(ordinal) {
		return false
	}
	pod := v.pods[name]
	if pod == nil {
		return !v.ordered() || v.allAvailableBefore(ordinal)
	}
	return pod.UID == uid || !runs(pod) && !finished(pod) && restarts(pod) == 0 && !cannotStart(pod)
}

func (v *view) allAvailableBefore(ordinal int) bool {
	for before := identity.OrdinalsOf(v.set).Start; before < ordinal; before++ {
		if !v.available(v.member(before)) {
			return false
		}
	}
	return true
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
