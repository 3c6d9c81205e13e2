package sim

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var joinsFirst = promise{
	sentence: "The pod of an ordinal that is new, and is to join first, comes when it has joined or the policy goes on without, and one at a time; that it has is noted before, and only what is so.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		if by == nil || !j.ruled {
			return ""
		}
		switch object := e.Object.(type) {
		case *corev1.Pod:
			if e.Type == added {
				return j.allowed(e, by, func(v *view) string { return v.mayComeAnew(object) })
			}
		case *appsv1.ControllerRevision:
			return j.joinedTruly(e, object, by)
		}
		return ""
	},
}

// mayComeAnew says why the pod of an ordinal may not come yet.
func (v *view) mayComeAnew(pod *corev1.Pod) string {
	ordinal := v.ordinal(pod)
	noted := v.members()
	if v.join() == nil || v.isMember(ordinal) || noted == nil || v.isAlone(pod) { // it comes back, or is the first
		return ""
	}
	for other := range noted.Joining {
		if other != ordinal && !v.available(v.member(other)) {
			return fmt.Sprintf("%s is new, and was created beside ordinal %d, which is, too", pod.Name, other)
		}
	}
	if e := noted.Joining[ordinal]; e.Joined.IsZero() && !v.joinGivenUp(e) {
		return fmt.Sprintf("%s was created, and it has not joined: it was to since %s", pod.Name, e.Since.Format(time.TimeOnly))
	}
	return ""
}

// isAlone reports whether no other ordinal of the set has a pod.
func (v *view) isAlone(pod *corev1.Pod) bool {
	for _, other := range v.pods {
		if other.Name != pod.Name && v.owns(other) {
			return false
		}
	}
	return true
}

// joinedTruly says what a controller has noted of joins that is not so.
func (j *judge) joinedTruly(e apiserver.Event, r *appsv1.ControllerRevision, by *instance) string {
	is := membersOn(r)
	if e.Old == nil || e.Type == deleted || is == nil {
		return ""
	}
	was := membersOn(e.Old.(*appsv1.ControllerRevision))
	for ordinal, now := range is.Joining {
		if now.Joined.IsZero() || was != nil && was.Joining[ordinal] == now {
			continue
		}
		name := identity.PodName(by.acting, ordinal)
		if j.w.membershipOf(name).rounds[round(joinCall(by.acting, ordinal, now))] {
			continue
		}
		if words := j.allowed(e, by, func(v *view) string {
			if v.joinGivenUp(now) {
				return ""
			}
			return fmt.Sprintf("it is noted that %s has joined, and it has not", name)
		}); words != "" {
			return words
		}
	}
	return ""
}
