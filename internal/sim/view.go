package sim

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// view is what was so at one instant: a set, what was said of its roll-outs, and all pods.
type view struct {
	ruling
	set  *appsv1.StatefulSet
	pods map[string]*corev1.Pod
	now  time.Time // by the clock of the controller that is judged

	looks map[string]string // of the templates of revisions, by the revisions' names
	wants string            // how the set's own template looks
	extra *bool             // whether pods are to have the claim of extraTemplate; nil where nobody has asked yet
	log   []apiserver.Event // up to this instant
}

// viewNow is what is so.
func (j *judge) viewNow(set *appsv1.StatefulSet) *view {
	v := &view{set: set, pods: map[string]*corev1.Pod{}, now: j.w.now, looks: j.looks}
	v.policies, v.revisions = map[string]client.Object{}, map[string]client.Object{}
	for _, object := range j.w.api.List(pods, namespace) {
		v.pods[object.GetName()] = object.(*corev1.Pod)
	}
	for _, object := range j.w.api.List(policies, namespace) {
		v.policies[object.GetName()] = object
	}
	for _, object := range j.w.api.List(revisions, namespace) {
		v.revisions[object.GetName()] = object
	}
	return v
}

// viewBefore is what was so right before a controller's deed, with the set and what was said
// of it as given.
func (j *judge) viewBefore(e apiserver.Event, by *instance, set *appsv1.StatefulSet, said ruling) *view {
	v := &view{ruling: said, set: set, pods: map[string]*corev1.Pod{}, now: by.planned, looks: j.looks}
	for _, object := range j.w.api.List(pods, namespace) {
		v.pods[object.GetName()] = object.(*corev1.Pod)
	}
	log := j.w.api.Log()
	for v.log = log; len(v.log) > 0 && v.log[len(v.log)-1].Version >= e.Version; {
		v.undo()
	}
	return v
}

// back goes to the instant before the last change of a pod, unless that is older
// than the floor. The changes of the versions to keep are not taken back.
func (v *view) back(floor int64, keep map[int64]apiserver.Kind) bool {
	for len(v.log) > 0 && v.log[len(v.log)-1].Version > floor {
		last := v.log[len(v.log)-1]
		if _, own := keep[last.Version]; own {
			v.log = v.log[:len(v.log)-1]
			continue
		}
		v.undo()
		if last.Kind == pods {
			return true
		}
	}
	return false
}

// undo takes the last event back.
func (v *view) undo() {
	e := v.log[len(v.log)-1]
	v.log = v.log[:len(v.log)-1]
	if e.Kind != pods {
		return
	}
	if e.Old == nil {
		delete(v.pods, e.Object.GetName())
		return
	}
	v.pods[e.Object.GetName()] = e.Old.(*corev1.Pod)
}

// versions are what the set that a controller works on may have been to it, the
// newest first.
func (j *judge) versions(e apiserver.Event, by *instance) []*appsv1.StatefulSet {
	var all []*appsv1.StatefulSet
	floor := by.floor(by.acting, sets)
	log := j.w.api.Log()
	for n := len(log) - 1; n >= 0; n-- {
		old := log[n]
		if old.Version >= e.Version || old.Kind != sets || old.Object.GetName() != by.acting {
			continue
		}
		all = append(all, old.Object.(*appsv1.StatefulSet))
		if old.Version <= floor {
			break // it was so when the floor was laid
		}
	}
	return all
}

// ordinal is the pod's, as a member of the view's set; -1 for another pod.
func (v *view) ordinal(pod *corev1.Pod) int {
	set, ordinal, ok := identity.Parse(pod.Name)
	if !ok || set != v.set.Name {
		return -1
	}
	return ordinal
}

// member is the set's own pod of an ordinal, nil if there is none.
func (v *view) member(ordinal int) *corev1.Pod {
	pod := v.pods[identity.PodName(v.set.Name, ordinal)]
	if pod == nil || !v.owns(pod) {
		return nil
	}
	return pod
}

// owns reports whether a pod is the set's and still has the labels of its
// selector; one that has not is given up.
func (v *view) owns(pod *corev1.Pod) bool {
	return ownedBy(pod, v.set) && selects(v.set, pod.Labels)
}

// selects reports whether a set's selector matches labels.
func selects(set *appsv1.StatefulSet, has map[string]string) bool {
	for key, value := range set.Spec.Selector.MatchLabels {
		if has[key] != value {
			return false
		}
	}
	for _, r := range set.Spec.Selector.MatchExpressions { // all are of this operator
		if r.Operator != metav1.LabelSelectorOpIn || !slices.Contains(r.Values, has[r.Key]) {
			return false
		}
	}
	return true
}

func (v *view) wanted(ordinal int) bool { return v.ordinals().Contains(ordinal) }

func (v *view) available(pod *corev1.Pod) bool {
	return v.isUp(pod) && !v.isMoving(pod)
}

// isUp is available whether or not the pod is being updated in place.
func (v *view) isUp(pod *corev1.Pod) bool {
	if pod == nil || pod.DeletionTimestamp != nil || !isReady(pod) {
		return false
	}
	minReady := time.Duration(v.set.Spec.MinReadySeconds) * time.Second
	return minReady == 0 || !readySince(pod).Add(minReady).After(v.now)
}

// readySince is when a pod's readiness has changed last.
func readySince(pod *corev1.Pod) time.Time {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

// countsAvailable is available as the status counts: one that is terminating and
// still ready is among them.
func (v *view) countsAvailable(pod *corev1.Pod) bool {
	going := *pod
	going.DeletionTimestamp = nil
	return v.available(&going)
}

// outdated reports whether a pod is of another revision, was made with other overrides, or has
// other claims, than pods are brought to, and is not to stay so all the same.
func (v *view) outdated(pod *corev1.Pod) bool {
	if v.strays(pod) {
		return !v.isKept(pod)
	}
	return v.isBehind(pod) || v.mountsOther(pod)
}

// isBehind goes by the pod's label: one that was adopted may have none.
func (v *view) isBehind(pod *corev1.Pod) bool {
	return v.looks[identity.Revision(pod)] != v.targetLook() || v.hasLeft(pod)
}

// targetLook is how pods are to look: as the set's template, unless they go back.
func (v *view) targetLook() string {
	if v.reverts() {
		return v.looks[v.current().Name]
	}
	return v.wantedLook()
}

func (v *view) wantedLook() string {
	if v.wants == "" {
		v.wants = lookOf(v.set.Spec.Template.Labels, &v.set.Spec.Template.Spec)
	}
	return v.wants
}

func (v *view) ordered() bool { return v.set.Spec.PodManagementPolicy != appsv1.ParallelPodManagement }

func (v *view) belowPartition(ordinal int) bool {
	r := v.set.Spec.UpdateStrategy.RollingUpdate
	return v.set.Spec.UpdateStrategy.Type == appsv1.RollingUpdateStatefulSetStrategyType &&
		r != nil && r.Partition != nil && ordinal < v.ordinals().Nth(int(*r.Partition))
}

func (v *view) maxUnavailable() int {
	if r := v.set.Spec.UpdateStrategy.RollingUpdate; r != nil && r.MaxUnavailable != nil {
		return max(1, r.MaxUnavailable.IntValue())
	}
	return 1
}

func isReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue && pod.Status.Phase == corev1.PodRunning
		}
	}
	return false
}

func finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
}

// runs reports whether a container of the pod runs, by what its node says.
func runs(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return c.State.Running != nil })
}
