package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/revision"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// ruling is what is said at one instant about roll-outs, by policies and by the annotations
// of revisions. The zero value is of a history without policies.
type ruling struct {
	policies  map[string]client.Object
	revisions map[string]client.Object
}

// rulings are what may have been said to a controller that did e, the newest first: policies
// and revisions arrive separately. The changes of the versions to keep are always so.
func (j *judge) rulings(e apiserver.Event, by *instance, keep map[int64]apiserver.Kind) []ruling {
	if !j.ruled {
		return []ruling{{}}
	}
	if j.said.version == e.Version && j.said.kept == len(keep) {
		return j.said.rulings
	}
	var all []ruling
	for _, p := range j.states(policies, e, by, keep) {
		for _, r := range j.states(revisions, e, by, keep) {
			all = append(all, ruling{p, r})
		}
	}
	j.said = said{e.Version, len(keep), all}
	return all
}

// said are the rulings that were found last: for which deed, and how many versions to keep.
type said struct {
	version int64
	kept    int
	rulings []ruling
}

// states are how the objects of a kind may have been to a controller that did e, as far as
// they matter to rulings, the newest first.
func (j *judge) states(k apiserver.Kind, e apiserver.Event, by *instance, kept map[int64]apiserver.Kind) []map[string]client.Object {
	now := map[string]client.Object{}
	for _, object := range j.w.api.List(k, namespace) {
		now[object.GetName()] = object
	}
	all, floor := []map[string]client.Object{}, by.floor(by.acting, k)
	last, changed := []string(nil), true
	keep := func() {
		if !changed {
			return
		}
		meant := meanings(now)
		if changed = false; len(all) == 0 || !slices.Equal(last, meant) {
			all, last = append(all, maps.Clone(now)), meant
		}
	}
	for _, old := range slices.Backward(j.w.api.Log()) {
		_, own := kept[old.Version]
		if old.Version < e.Version && !own {
			keep()
			if old.Version <= floor {
				return all
			}
		}
		if old.Kind != k || own && old.Version < e.Version {
			continue
		}
		if changed = true; old.Old == nil {
			delete(now, old.Object.GetName())
		} else {
			now[old.Object.GetName()] = old.Old
		}
	}
	keep()
	return all
}

// meanings are what objects say about roll-outs.
func meanings(objects map[string]client.Object) []string {
	var all []string
	for _, name := range sortedKeys(objects) {
		meaning := fmt.Sprintf("%s %s %d", name, objects[name].GetUID(), objects[name].GetGeneration())
		if r, ok := objects[name].(*appsv1.ControllerRevision); ok {
			meaning += fmt.Sprint(r.Revision, r.Annotations, r.OwnerReferences)
		}
		all = append(all, meaning)
	}
	return all
}

// policy is the one that counts of those for the view's set: the oldest, and of those as old
// the first by name.
func (v *view) policy() *v1alpha1.StatefulSetPolicy {
	var counts *v1alpha1.StatefulSetPolicy
	for _, name := range sortedKeys(v.policies) {
		policy := v.policies[name].(*v1alpha1.StatefulSetPolicy)
		if policy.Spec.TargetRef.Name == v.set.Name && (counts == nil || policy.CreationTimestamp.Before(&counts.CreationTimestamp)) {
			counts = policy
		}
	}
	return counts
}

// rollout is what the policy says, as far as the set's strategy has a use for it.
func (v *view) rollout() v1alpha1.Rollout {
	policy := v.policy()
	if policy == nil || policy.Spec.Rollout == nil {
		return v1alpha1.Rollout{}
	}
	rollout := *policy.Spec.Rollout
	switch v.set.Spec.UpdateStrategy.Type {
	case appsv1.OnDeleteStatefulSetStrategyType:
		return v1alpha1.Rollout{}
	case appsv1.RecreateStatefulSetStrategyType:
		rollout.Last, rollout.Canary, rollout.Disruption, rollout.InPlace = nil, nil, "", nil
	}
	return rollout
}

// revision is the set's own of a name, nil if there is none.
func (v *view) revision(name string) *appsv1.ControllerRevision {
	r, ok := v.revisions[name].(*appsv1.ControllerRevision)
	if !ok || !ownedBy(r, v.set) {
		return nil
	}
	return r
}

// update is the revision of the set's template; nil if it is yet to be made, or to become
// the newest.
func (v *view) update() *appsv1.ControllerRevision {
	history := v.history()
	if n := len(history); n > 0 && v.looks[history[n-1].Name] == v.wantedLook() {
		return history[n-1]
	}
	return nil
}

// history is the set's own revisions, oldest first.
func (v *view) history() []*appsv1.ControllerRevision {
	var all []*appsv1.ControllerRevision
	for _, name := range sortedKeys(v.revisions) {
		if r := v.revision(name); r != nil {
			all = append(all, r)
		}
	}
	revision.Sort(all)
	return all
}

// current is the revision before the update: the one that the status names. Where that is
// lost, it is the newest other one that a pod has, and without such a pod the update.
func (v *view) current() *appsv1.ControllerRevision {
	if r := v.revision(v.set.Status.CurrentRevision); r != nil {
		return r
	}
	for _, r := range slices.Backward(v.history()) {
		for _, pod := range v.pods {
			if v.looks[r.Name] != v.wantedLook() && identity.Revision(pod) == r.Name && ownedBy(pod, v.set) {
				return r
			}
		}
	}
	return v.update()
}

// failed reports whether the roll-out of the set's template has, by its mark.
func (v *view) failed() bool {
	if v.rollout().ProgressDeadlineSeconds == nil {
		return false
	}
	update := v.update()
	if update == nil {
		return false
	}
	text, marked := update.Annotations[plan.FailedAnnotation]
	mark := struct {
		Revision      int64
		Pod, Override string
	}{}
	if err := json.Unmarshal([]byte(text), &mark); err == nil && mark.Revision != 0 && mark.Revision != update.Revision {
		return false // it is of another time
	}
	if _, ordinal, ok := identity.Parse(mark.Pod); ok && mark.Override != v.hashFor(ordinal) {
		return false // it was for an override that there is no more
	}
	return marked && v.rollingOut(update)
}

// rollingOut reports whether the update is on its way to the pods.
func (v *view) rollingOut(update *appsv1.ControllerRevision) bool {
	arrived, behind, wanted, look := true, v.current() != update, v.ordinals(), v.looks[update.Name]
	for ordinal := range wanted.All() {
		if v.belowPartition(ordinal) {
			continue
		}
		pod := v.member(ordinal)
		isOld := pod != nil && (identity.Revision(pod) != update.Name || v.hasLeftFor(pod, look))
		behind = behind || isOld
		arrived = arrived && !isOld && v.isUp(pod) && !v.isMovingTo(pod, look)
	}
	return behind && !arrived
}

// reverts reports whether pods go back to the revision before, since the update has failed.
func (v *view) reverts() bool {
	return v.rollout().OnFailure == v1alpha1.Revert && v.failed() && v.current() != v.update()
}

// stands says why nothing is rolled out; empty while it is.
func (v *view) stands() string {
	switch {
	case v.rollout().Paused:
		return "is paused"
	case v.failed() && !v.reverts():
		return "has failed"
	}
	return ""
}

// turn is the place of a pod's role in what goes last, from 1 on; 0 for what goes before.
func (v *view) turn(pod *corev1.Pod) int {
	if policy := v.policy(); policy != nil && policy.Spec.Role != nil && isReady(pod) {
		return slices.Index(v.rollout().Last, pod.Labels[policy.Spec.Role.Label]) + 1
	}
	return 0
}

// servingCounts reports whether outdated pods that serve nobody go at once.
func (v *view) servingCounts() bool { return len(v.rollout().Last) > 0 || v.reverts() }

// canaryIsOver reports whether the canary has been looked at for long enough, or approved.
func (v *view) canaryIsOver(canary *v1alpha1.Canary) bool {
	var since []time.Time
	for _, pod := range v.pods {
		if v.owns(pod) && v.wanted(v.ordinal(pod)) && v.available(pod) && !v.isBehind(pod) {
			since = append(since, readySince(pod).Add(time.Duration(v.set.Spec.MinReadySeconds)*time.Second))
		}
	}
	if len(since) < int(canary.Pods) {
		return false
	}
	if canary.HoldSeconds == nil {
		return v.approved()
	}
	slices.SortFunc(since, time.Time.Compare)
	return !since[canary.Pods-1].Add(time.Duration(*canary.HoldSeconds) * time.Second).After(v.now)
}

func (v *view) approved() bool {
	update := v.update()
	return update != nil && update.Annotations[plan.ApprovedAnnotation] == strconv.FormatInt(update.Revision, 10)
}
