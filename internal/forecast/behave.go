package forecast

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/override"
	"ordinal.dev/ordinal/internal/plan"
)

// patience is for how long a pod may be on its way, or ready for nothing, and still count
// as one that gets there.
const patience = 5 * time.Minute

// lookAround finds out which pods of the present do not behave, and says so.
func (w *world) lookAround() (assumed []string) {
	for _, pod := range w.Pods {
		state, words := plan.Observe(pod, w.minReady(), w.Now)
		since := pod.CreationTimestamp.Time
		switch state {
		case plan.Stuck:
			w.stays[pod.UID], w.broken[override.BuildOf(pod)] = true, pod
			assumed = append(assumed, fmt.Sprintf("%s %s: it stays so, as does every pod of its revision%s", pod.Name, words, withOverride(pod)))
			continue
		case plan.Terminating:
			since = pod.DeletionTimestamp.Time // when its grace period is over
		case plan.Starting:
		case plan.Unready:
			since = unreadySince(pod)
		default:
			continue
		}
		age := w.Now.Sub(since)
		if age > patience {
			w.stays[pod.UID] = true
			assumed = append(assumed, fmt.Sprintf("%s %s, for %s now: it stays so", pod.Name, words, duration.ShortHumanDuration(age)))
		} else if state == plan.Unready {
			assumed = append(assumed, fmt.Sprintf("%s %s: it becomes ready", pod.Name, words))
		}
	}
	return assumed
}

// withOverride is, to follow the revision, that a pod has an override, too.
func withOverride(pod *corev1.Pod) string {
	if override.HashOn(pod) == "" {
		return ""
	}
	return " with its override"
}

func unreadySince(pod *corev1.Pod) time.Time {
	since := pod.CreationTimestamp.Time
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.LastTransitionTime.After(since) {
			since = c.LastTransitionTime.Time
		}
	}
	return since
}

// advance has every pod get there that will, and returns the claims that went with pods.
// moved is false where nothing changes by itself any more but the time.
func (w *world) advance() (lost []*corev1.PersistentVolumeClaim, moved bool) {
	for _, pod := range slices.Clone(w.Pods) {
		state, _ := plan.Observe(pod, w.minReady(), w.Now)
		switch {
		case w.stays[pod.UID]:
		case state == plan.Terminating:
			w.Pods = slices.DeleteFunc(w.Pods, func(p *corev1.Pod) bool { return p == pod })
			lost = append(lost, w.collect(pod)...)
			moved = true
		case state != plan.Starting && state != plan.Unready && state != plan.Stuck:
		case w.start(pod):
			moved = true
		}
	}
	for name, claim := range w.Claims {
		if w.isOfNobody(claim) {
			delete(w.Claims, name)
			lost, moved = append(lost, claim), true
			continue
		}
		if claim.DeletionTimestamp != nil && !slices.ContainsFunc(w.Pods, func(p *corev1.Pod) bool { return mounts(p, name) }) {
			delete(w.Claims, name)
			lost, moved = append(lost, claim), true
		}
	}
	slices.SortFunc(lost, func(a, b *corev1.PersistentVolumeClaim) int { return cmp.Compare(a.Name, b.Name) })
	return lost, moved
}

// start makes a pod ready, and reports whether that changed anything.
func (w *world) start(pod *corev1.Pod) bool {
	if model := w.broken[override.BuildOf(pod)]; model != nil {
		failed := pod.DeepCopy()
		failed.Status, failed.Spec.NodeName = *model.Status.DeepCopy(), model.Spec.NodeName
		w.stays[pod.UID] = true
		w.replace(failed)
		return true
	}
	if !w.hasVolumes(pod) {
		return false
	}
	running := pod.DeepCopy()
	running.Spec.NodeName = "node"
	running.Status = corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &metav1.Time{Time: w.Now}, Conditions: []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue},
		{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(w.Now)},
	}}
	for _, c := range pod.Spec.Containers {
		running.Status.ContainerStatuses = append(running.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		})
	}
	w.replace(running)
	return true
}

// hasVolumes reports whether the set's claims of a pod are served. Other claims are not
// known.
func (w *world) hasVolumes(pod *corev1.Pod) bool {
	for _, volume := range pod.Spec.Volumes {
		if volume.PersistentVolumeClaim == nil {
			continue
		}
		claim := w.Claims[volume.PersistentVolumeClaim.ClaimName]
		if claim == nil {
			continue
		}
		if _, why := w.storage.refuses(claim); why != "" || claim.Status.Phase == corev1.ClaimLost {
			return false
		}
	}
	return true
}

// collect is the garbage collector when a pod has gone: claims go that it owned alone.
func (w *world) collect(pod *corev1.Pod) (lost []*corev1.PersistentVolumeClaim) {
	isOwner := func(r metav1.OwnerReference) bool { return r.UID == pod.UID }
	for name, claim := range w.Claims {
		if !slices.ContainsFunc(claim.OwnerReferences, isOwner) {
			continue
		}
		kept := claim.DeepCopy()
		kept.OwnerReferences = slices.DeleteFunc(kept.OwnerReferences, isOwner)
		if w.Claims[name] = kept; len(kept.OwnerReferences) == 0 {
			delete(w.Claims, name)
			lost = append(lost, claim)
		}
	}
	return lost
}

// isOfNobody reports whether a claim belongs to nothing but pods that are no more, as that of a
// pod that left after it was gone.
func (w *world) isOfNobody(claim *corev1.PersistentVolumeClaim) bool {
	isGone := func(r metav1.OwnerReference) bool {
		return r.Kind == identity.PodKind.Kind && !slices.ContainsFunc(w.Pods, func(p *corev1.Pod) bool { return p.UID == r.UID })
	}
	return len(claim.OwnerReferences) > 0 && !slices.ContainsFunc(claim.OwnerReferences, func(r metav1.OwnerReference) bool { return !isGone(r) })
}

func mounts(pod *corev1.Pod, claim string) bool {
	return slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
		return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == claim
	})
}
