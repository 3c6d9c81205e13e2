package sim

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/revision"
)

// inherit makes a set that the in-tree controller has looked after until now, with
// all that this one has left: revisions, claims, pods that run, and its status,
// which has no conditions. A set of the shape "half" is in the middle of an update.
// While no node works there is nothing to be left, and the set is a new one.
func (w *World) inherit(m Move) {
	if !slices.ContainsFunc(w.nodes, (*node).works) {
		w.createSet(m)
		return
	}
	shape := shapeOf(m.Text)
	set := newSet(m.Set, m.N, shape)
	if err := w.api.Create(set); err != nil {
		w.try(err)
		return
	}
	current := w.record(set, 1)
	update := current
	if shape.half && m.N > 0 {
		setImage(set, nextImage(set, "good"))
		w.must(w.api.Update(set))
		update = w.record(set, 2)
	}
	for i := range m.N {
		w.inheritClaims(set, i)
		if i == m.N-1 {
			w.inheritPod(set, update, i)
		} else {
			w.inheritPod(set, current, i)
		}
	}
	n := int32(m.N)
	status := appsv1.StatefulSetStatus{
		ObservedGeneration: set.Generation, Replicas: n, ReadyReplicas: n, AvailableReplicas: n, CurrentReplicas: n, UpdatedReplicas: n,
		CurrentRevision: current.Name, UpdateRevision: update.Name, CollisionCount: ptr.To[int32](0),
	}
	if current != update {
		status.CurrentReplicas, status.UpdatedReplicas = n-1, 1
	}
	if set.Spec.MinReadySeconds > 0 {
		status.AvailableReplicas = 0 // all have just become ready
	}
	set = w.set(m.Set)
	set.Status = status
	w.must(w.api.UpdateStatus(set))
}

// record makes the revision of a set as it is.
func (w *World) record(set *appsv1.StatefulSet, number int64) *appsv1.ControllerRevision {
	r, err := revision.New(set, number, 0)
	w.must(err)
	w.try(w.api.Create(r)) // one of an earlier set of the name may be left
	return r
}

func (w *World) inheritClaims(set *appsv1.StatefulSet, ordinal int) {
	for i := range set.Spec.VolumeClaimTemplates {
		claim := identity.NewClaim(set, &set.Spec.VolumeClaimTemplates[i], ordinal)
		if set.Spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted == appsv1.DeletePersistentVolumeClaimRetentionPolicyType {
			claim.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(set, identity.SetKind)}
		}
		w.try(w.api.Create(claim))
	}
}

// inheritPod makes a pod that has been running.
func (w *World) inheritPod(set *appsv1.StatefulSet, r *appsv1.ControllerRevision, ordinal int) {
	template, err := revision.Template(r)
	w.must(err)
	pod := identity.NewPod(set, template, r.Name, ordinal)
	if err := w.api.Create(pod); err != nil {
		w.try(err)
		return
	}
	n := w.nodes[ordinal%len(w.nodes)]
	for !n.works() {
		ordinal++
		n = w.nodes[ordinal%len(w.nodes)]
	}
	w.must(w.api.Bind(keyOf(pod.Name), n.name))
	n.containers[pod.Name] = n.newContainer(pod)
	n.report(pod.Name, pod.UID, corev1.PodRunning, true, w.running())
}
