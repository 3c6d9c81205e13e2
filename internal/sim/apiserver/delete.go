package apiserver

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Delete deletes an object, at once or in time, as the options and the object's
// finalizers have it.
func (s *Server) Delete(k Kind, key types.NamespacedName, options *client.DeleteOptions) error {
	old, err := s.Get(k, key)
	if err != nil {
		return err
	}
	if p := options.Preconditions; p != nil {
		if p.UID != nil && *p.UID != old.GetUID() {
			return conflict(k, key, fmt.Sprintf("Precondition failed: UID in precondition: %s, UID in object meta: %s", *p.UID, old.GetUID()))
		}
		if p.ResourceVersion != nil && *p.ResourceVersion != old.GetResourceVersion() {
			return conflict(k, key, fmt.Sprintf("Precondition failed: ResourceVersion in precondition: %s, ResourceVersion in object meta: %s", *p.ResourceVersion, old.GetResourceVersion()))
		}
	}
	updated := copyOf(old)
	updated.SetFinalizers(finalizers(updated.GetFinalizers(), options.PropagationPolicy))
	grace := s.grace(old, options)
	if grace == 0 && len(updated.GetFinalizers()) == 0 {
		s.put(watch.Deleted, k, updated, old)
		return nil
	}
	return s.markDeleted(k, old, updated, grace)
}

// markDeleted gives an object its time of deletion; one that has it keeps it,
// unless it is to go sooner.
func (s *Server) markDeleted(k Kind, old, updated client.Object, grace int64) error {
	at := metav1.NewTime(s.now().Truncate(time.Second).Add(time.Duration(grace) * time.Second))
	if was := old.GetDeletionTimestamp(); was != nil && !at.Before(was) {
		if slices.Equal(old.GetFinalizers(), updated.GetFinalizers()) {
			return nil
		}
		s.put(watch.Modified, k, updated, old)
		return nil
	}
	updated.SetDeletionTimestamp(&at)
	updated.SetDeletionGracePeriodSeconds(&grace)
	if old.GetDeletionTimestamp() == nil && updated.GetGeneration() > 0 {
		updated.SetGeneration(updated.GetGeneration() + 1)
	}
	s.put(watch.Modified, k, updated, old)
	return nil
}

// grace is how many seconds the object may take: none for all but pods that are on
// a node and have not ended.
func (s *Server) grace(o client.Object, options *client.DeleteOptions) int64 {
	pod, ok := o.(*corev1.Pod)
	if !ok || pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		return 0
	}
	if options.GracePeriodSeconds != nil {
		return *options.GracePeriodSeconds
	}
	return ptr.Deref(pod.Spec.TerminationGracePeriodSeconds, defaultGrace)
}

// finalizers are those of an object that is deleted with this policy.
func finalizers(all []string, policy *metav1.DeletionPropagation) []string {
	if policy == nil {
		return all
	}
	all = slices.DeleteFunc(slices.Clone(all), func(f string) bool {
		return f == metav1.FinalizerDeleteDependents || f == metav1.FinalizerOrphanDependents
	})
	switch *policy {
	case metav1.DeletePropagationForeground:
		all = append(all, metav1.FinalizerDeleteDependents)
	case metav1.DeletePropagationOrphan:
		all = append(all, metav1.FinalizerOrphanDependents)
	}
	return all
}

// removable reports whether an object that is being deleted may go as soon as it
// has no finalizers: a pod on a node waits for its kubelet.
func removable(o client.Object) bool {
	seconds := o.GetDeletionGracePeriodSeconds()
	return seconds == nil || *seconds == 0
}
