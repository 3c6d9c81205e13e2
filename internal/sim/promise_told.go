package sim

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var staysKnowingly = promise{
	sentence: "A member that was asked to leave and stays has been told so; nobody is asked whose departure is not noted.",
	step:     func(j *judge) string { return j.unnoted },
	event: func(j *judge, e apiserver.Event, by *instance) string {
		r, ok := e.Object.(*appsv1.ControllerRevision)
		if !ok || by == nil || !j.ruled || e.Old == nil || e.Type == deleted {
			return ""
		}
		is, joins := departuresOn(r), membersOn(r)
		for ordinal := range departuresOn(e.Old.(*appsv1.ControllerRevision)) {
			if joins != nil && !joins.Joining[ordinal].Since.IsZero() { // it has lost its data, comes anew, and says so
				j.w.membershipOf(identity.PodName(by.acting, ordinal)).asked = false
				continue
			}
			if words := j.toldToStay(e, ordinal, is, by); words != "" {
				return words
			}
		}
		return ""
	},
	rest: func(j *judge) string {
		for _, object := range j.w.api.List(sets, namespace) {
			v := j.viewNow(object.(*appsv1.StatefulSet))
			for ordinal := range v.departures() {
				if v.leave() != nil {
					return fmt.Sprintf("%s is at rest, and it is noted that ordinal %d leaves", v.set.Name, ordinal)
				}
			}
		}
		return ""
	},
}

// toldToStay says of a member whose departure is not noted any more, and that is wanted, that
// it was asked to leave, and has not been told since that it stays. Where a policy has nothing
// by which to tell it, it is not.
func (j *judge) toldToStay(e apiserver.Event, ordinal int, is map[int]departure, by *instance) string {
	name := identity.PodName(by.acting, ordinal)
	m := j.w.membershipOf(name)
	if _, leaves := is[ordinal]; leaves || !j.w.mayLeave(m, by) || m.lost {
		return ""
	}
	words := j.allowed(e, by, func(v *view) string {
		hook, d := v.leave(), v.departures()[ordinal]
		if hook == nil || hook.Cancel == nil || hook.When == v1alpha1.LeaveAfter || !v.wanted(ordinal) || !d.Left.IsZero() || hook.Cancel.InPeer() && v.ordinals().Count == 1 {
			return ""
		}
		return fmt.Sprintf("%s stays, and was asked to leave, and has not been told since that it stays", name)
	})
	if words == "" {
		m.asked = false // and whatever it does is its own affair
	}
	return words
}

// asked notes that a controller runs a hook of a member, for which it has to be noted before.
func (j *judge) asked(i *instance, c plan.HookCall) {
	if c.Name != plan.LeaveHook {
		return
	}
	set, ordinal, _ := identity.Parse(c.About)
	for _, e := range j.w.api.Log() {
		if r, ok := e.Object.(*appsv1.ControllerRevision); ok {
			d, leaves := departuresOn(r)[ordinal]
			if leaves && d.UID == c.UID && d.Since.UTC().Format(time.RFC3339Nano) == c.Revision {
				return
			}
		}
	}
	j.unnoted = fmt.Sprintf("%s has %s of %s asked to leave, and it is not noted that it does", i.name, c.About, set)
}
