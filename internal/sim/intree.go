package sim

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/revision"
)

// inTree is the field manager of the in-tree controller.
const inTree = "kube-controller-manager"

// inTreeLooks has the in-tree controller look at every set now and then, as long as it has a
// fence before it: it is not what is tested, and does the plainest part of its work.
func (w *World) inTreeLooks() {
	w.after(w.between("in-tree", 100*time.Millisecond, 5*time.Second), "in-tree controller", func() {
		w.api.Manager = inTree
		for _, object := range w.api.List(sets, namespace) {
			if set := object.(*appsv1.StatefulSet); set.DeletionTimestamp == nil && !w.api.Terminating[namespace] {
				w.inTreeSync(set)
			}
		}
		w.api.Manager = somebody
		if !w.calm || !w.denies() {
			w.inTreeLooks()
		}
	})
}

// inTreeSync makes the first write that a set needs, unless it is refused.
func (w *World) inTreeSync(set *appsv1.StatefulSet) {
	if w.denies() {
		return
	}
	r := w.inTreeRevision(set)
	if r == nil {
		return
	}
	wanted := identity.OrdinalsOf(set)
	for ordinal := range wanted.All() {
		pod, there := w.podOf(set, ordinal)
		switch {
		case !there:
			w.tell("creates %s", identity.PodName(set.Name, ordinal))
			w.inheritClaims(set, ordinal)
			w.inTreePod(set, r, ordinal)
			return
		case !isReady(pod) || pod.DeletionTimestamp != nil:
			return
		}
	}
	for _, object := range w.api.List(pods, namespace) {
		pod := object.(*corev1.Pod)
		_, ordinal, named := identity.Parse(pod.Name)
		outdated := identity.Revision(pod) != r.Name && set.Spec.UpdateStrategy.Type == appsv1.RollingUpdateStatefulSetStrategyType
		if named && ownedBy(pod, set) && pod.DeletionTimestamp == nil && (outdated || !wanted.Contains(ordinal)) {
			w.tell("deletes %s", pod.Name)
			w.try(w.api.Delete(pods, keyOf(pod.Name), deleteOptions()))
			return
		}
	}
}

func (w *World) podOf(set *appsv1.StatefulSet, ordinal int) (*corev1.Pod, bool) {
	object, err := w.api.Get(pods, keyOf(identity.PodName(set.Name, ordinal)))
	if err != nil {
		return nil, false
	}
	return object.(*corev1.Pod), true
}

// inTreeRevision is the revision of a set as it is, made if there is none; nil if it cannot
// be.
func (w *World) inTreeRevision(set *appsv1.StatefulSet) *appsv1.ControllerRevision {
	var number int64
	var found *appsv1.ControllerRevision
	data, err := revision.Data(set)
	w.must(err)
	for _, object := range w.api.List(revisions, namespace) {
		r := object.(*appsv1.ControllerRevision)
		if !ownedBy(r, set) {
			continue
		}
		number = max(number, r.Revision)
		if slices.Equal(r.Data.Raw, data) {
			found = r
		}
	}
	if found != nil {
		return found
	}
	r, err := revision.New(set, number+1, 0)
	w.must(err)
	if err := w.api.Create(r); err != nil {
		w.try(err)
		return nil
	}
	return r
}

func (w *World) inTreePod(set *appsv1.StatefulSet, r *appsv1.ControllerRevision, ordinal int) {
	template, err := revision.Template(r)
	w.must(err)
	w.try(w.api.Create(identity.NewPod(set, template, r.Name, ordinal)))
}
