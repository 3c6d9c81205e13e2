package sim

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/controller/hooks"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var onceToSuccess = promise{
	sentence: "A hand-over that has succeeded is not run again for the pod and the revision, by who has heard so, nor by who takes over after it was noted.",
	event: func(j *judge, e apiserver.Event, _ *instance) string {
		if pod, ok := e.Object.(*corev1.Pod); ok {
			done := struct{ Revision string }{}
			if json.Unmarshal([]byte(pod.Annotations[plan.HandedOverAnnotation]), &done) == nil {
				which := handedOver{pod.UID, done.Revision}
				if _, known := j.handedOver[which]; !known {
					j.handedOver[which] = j.w.api.Version()
				}
			}
		}
		return ""
	},
	step: func(j *judge) string { return j.again },
}

// handedOver is a pod that has handed over for a revision.
type handedOver struct {
	pod      types.UID
	revision string
}

// begun looks at a hook that a controller begins with.
func (j *judge) begun(i *instance, c plan.HookCall) {
	which := handedOver{c.UID, c.Revision}
	noted, has := j.handedOver[which]
	switch {
	case c.Name != plan.HandOverHook:
	case i.heardOf[which]:
		j.again = fmt.Sprintf("%s has %s hand over once more, and has heard that it has", i.name, c.About)
	case has && noted <= i.tookOver:
		j.again = fmt.Sprintf("%s has %s hand over once more, which was noted on it before it took over", i.name, c.About)
	}
}

// ended notes what a controller hears of a hook.
func (j *judge) ended(i *instance, c plan.HookCall, a hooks.Answer) {
	if c.Name == plan.HandOverHook && a.OK {
		i.heardOf[handedOver{c.UID, c.Revision}] = true
	}
}

var leadersHandOver = promise{
	sentence: "A pod of a role that goes last and that is to hand over first is not taken down while it has the role and another pod could take over, neither for a roll-out nor for good.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		if _, ok := e.Object.(*corev1.Pod); !ok || by == nil || !j.ruled || !removal(e) {
			return ""
		}
		pod := e.Old.(*corev1.Pod)
		return j.toldTruly(e, by, func(v *view) string {
			hook := v.rollout().HandOver
			if hook == nil || hook.OnFailure == v1alpha1.Continue || v.goesForGood(pod) || finished(pod) || v.turn(pod) == 0 || !v.available(v.member(v.ordinal(pod))) {
				return ""
			}
			return v.couldHandOver(pod)
		})
	},
}

// couldHandOver names a pod that could have taken over from one that was taken down, empty
// for none. One that leaves has done so before it was asked to, to whoever stays.
func (v *view) couldHandOver(pod *corev1.Pod) string {
	forGood := !v.wanted(v.ordinal(pod))
	if v.set.DeletionTimestamp != nil || v.hasDeparted(pod) || forGood && v.isLeaving(v.ordinal(pod)) {
		return ""
	}
	for ordinal := range v.ordinals().All() {
		if other := v.member(ordinal); other != nil && other.Name != pod.Name && v.available(other) && (forGood || !v.outdated(other)) {
			return fmt.Sprintf("%s (%s) was taken down, and %s could have taken over", pod.Name, pod.Labels[roleLabel], other.Name)
		}
	}
	return ""
}
