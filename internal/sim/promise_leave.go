package sim

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var leavesFirst = promise{
	sentence: "A pod that goes for good, and is to leave first, goes when it has left or the policy goes on without; that it has is noted before, and only what is so.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		if by == nil || !j.ruled {
			return ""
		}
		switch object := e.Object.(type) {
		case *corev1.Pod:
			if removal(e) {
				return j.allowed(e, by, func(v *view) string { return v.mayGoForGood(e.Old.(*corev1.Pod)) })
			}
		case *appsv1.ControllerRevision:
			return j.notedTruly(e, object, by)
		}
		return ""
	},
}

// mayGoForGood says why a pod that is not to stay may not go yet.
func (v *view) mayGoForGood(pod *corev1.Pod) string {
	hook := v.leave()
	if hook == nil || !v.goesForGood(pod) || v.goesUnasked(pod, hook) {
		return ""
	}
	d, leaves := v.departures()[v.ordinal(pod)]
	switch {
	case !leaves || d.UID != pod.UID:
		return fmt.Sprintf("%s was taken down, and it is not noted that it leaves", pod.Name)
	case hook.When == v1alpha1.LeaveAfter, !d.Left.IsZero(), v.givenUp(d):
		return ""
	}
	return fmt.Sprintf("%s was taken down, and it has not left: it was to leave since %s", pod.Name, d.Since.Format(time.TimeOnly))
}

// goesUnasked reports whether a pod goes without a word: nobody stays who could see it off,
// nothing of it ever ran, or all that is of a bad revision goes at once.
func (v *view) goesUnasked(pod *corev1.Pod, hook *v1alpha1.Leave) bool {
	switch {
	case hook.InPeer():
		if v.ordinals().Count == 0 || v.set.DeletionTimestamp != nil {
			return true
		}
	case pod.Status.Phase == corev1.PodPending && !runs(pod) && restarts(pod) == 0:
		return true
	}
	return v.set.Spec.UpdateStrategy.Type == appsv1.RecreateStatefulSetStrategyType && v.outdated(pod) && v.firstUnavailable() >= 0
}

// firstUnavailable is the lowest wanted ordinal without a pod that is available, -1 for none.
func (v *view) firstUnavailable() int {
	for ordinal := range v.ordinals().All() {
		if !v.available(v.member(ordinal)) {
			return ordinal
		}
	}
	return -1
}

// notedTruly says what a controller has noted of departures that is not so.
func (j *judge) notedTruly(e apiserver.Event, r *appsv1.ControllerRevision, by *instance) string {
	if e.Old == nil || e.Type == deleted {
		return ""
	}
	was, is := departuresOn(e.Old.(*appsv1.ControllerRevision)), departuresOn(r)
	for ordinal, d := range is {
		name := identity.PodName(by.acting, ordinal)
		if d.Left.IsZero() || !was[ordinal].Left.IsZero() && was[ordinal].UID == d.UID {
			continue
		}
		c := plan.HookCall{UID: d.UID, Revision: d.Since.UTC().Format(time.RFC3339Nano)}
		if j.w.membershipOf(name).rounds[round(c)] {
			continue
		}
		if words := j.allowed(e, by, func(v *view) string {
			if v.givenUp(d) {
				return ""
			}
			return fmt.Sprintf("it is noted that %s has left, and it has not", name)
		}); words != "" {
			return words
		}
	}
	return ""
}
