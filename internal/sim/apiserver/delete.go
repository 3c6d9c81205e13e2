package apiserver

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Delete deletes an object, at once or in time, as the options and the object's
// finalizers have it.
//
// Of a pod that goes at once the real server tells twice, that it is being deleted
// and that it is gone; this one only that it is gone.
func (s *Server) Delete(k Kind, key types.NamespacedName, options *client.DeleteOptions) error {
	old, err := s.Get(k, key)
	if err != nil {
		return err
	}
	if err := meets(options.Preconditions, k, old); err != nil {
		return err
	}
	updated := copyOf(old)
	grace := int64(0)
	if pod, ok := updated.(*corev1.Pod); ok {
		seconds, pending := s.grace(pod, options.GracePeriodSeconds)
		if pending {
			return nil
		}
		grace = seconds
	}
	updated.SetFinalizers(finalizers(updated.GetFinalizers(), options.PropagationPolicy))
	if grace == 0 && len(updated.GetFinalizers()) == 0 {
		s.put(watch.Deleted, k, updated, old)
		return nil
	}
	s.markDeleted(updated, grace)
	if !equality.Semantic.DeepEqual(old, updated) {
		s.put(watch.Modified, k, updated, old)
	}
	return nil
}

// meets is a conflict unless an object is as the preconditions of its deletion have it.
func meets(p *metav1.Preconditions, k Kind, o client.Object) error {
	key := client.ObjectKeyFromObject(o)
	switch {
	case p == nil:
		return nil
	case p.UID != nil && *p.UID != o.GetUID():
		return conflict(k, key, fmt.Sprintf("Precondition failed: UID in precondition: %s, UID in object meta: %s", *p.UID, o.GetUID()))
	case p.ResourceVersion != nil && *p.ResourceVersion != o.GetResourceVersion():
		return conflict(k, key, fmt.Sprintf("Precondition failed: ResourceVersion in precondition: %s, ResourceVersion in object meta: %s", *p.ResourceVersion, o.GetResourceVersion()))
	}
	return nil
}

// markDeleted gives an object its time of deletion, or a sooner one.
func (s *Server) markDeleted(o client.Object, grace int64) {
	at := metav1.NewTime(s.now().Truncate(time.Second).Add(time.Duration(grace) * time.Second))
	was := o.GetDeletionTimestamp()
	if was == nil && o.GetGeneration() > 0 {
		o.SetGeneration(o.GetGeneration() + 1)
	}
	if was == nil || at.Before(was) {
		o.SetDeletionTimestamp(&at)
	}
	o.SetDeletionGracePeriodSeconds(&grace)
}

// grace is how many seconds a pod may take: none if it is on no node or has ended.
// One that is being deleted already is left at that, as pending, unless it is to
// take less time.
func (s *Server) grace(pod *corev1.Pod, wanted *int64) (seconds int64, pending bool) {
	if pod.DeletionTimestamp != nil {
		granted := ptr.Deref(pod.DeletionGracePeriodSeconds, 0)
		seconds = atLeastOne(ptr.Deref(wanted, granted))
		asked := pod.DeletionTimestamp.Add(-time.Duration(granted) * time.Second)
		switch {
		case granted == 0:
			return 0, false
		case seconds >= granted:
			return granted, true
		case seconds > 0 && asked.Add(time.Duration(seconds)*time.Second).Before(s.now()):
			return 1, false // it has had its time
		}
		return seconds, false
	}
	if pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		return 0, false
	}
	return atLeastOne(ptr.Deref(wanted, ptr.Deref(pod.Spec.TerminationGracePeriodSeconds, defaultGrace))), false
}

// atLeastOne takes a negative grace period for a second.
func atLeastOne(seconds int64) int64 {
	if seconds < 0 {
		return 1
	}
	return seconds
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

// removable reports whether an object that is being deleted goes as soon as it has
// no finalizers: a pod on a node waits for its kubelet.
func removable(o client.Object) bool {
	return o.GetDeletionTimestamp() != nil && ptr.Deref(o.GetDeletionGracePeriodSeconds(), 0) == 0
}
