package apiserver

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A Budget is a PodDisruptionBudget, of which the server looks after the figures itself, at
// once: the real one has them from a controller.
type Budget struct {
	Selector       labels.Selector
	MaxUnavailable int
}

// Evict deletes a pod, unless a budget that selects it forbids it. As on the real server,
// budgets are asked before the preconditions, and the pod is marked before it is deleted.
func (s *Server) Evict(eviction *policyv1.Eviction) error {
	key := client.ObjectKeyFromObject(eviction)
	old, err := s.Get(pods, key)
	if err != nil {
		return err
	}
	pod := old.(*corev1.Pod)
	if err := s.forbidden(pod); err != nil {
		return err
	}
	options := &client.DeleteOptions{}
	if asked := eviction.DeleteOptions; asked != nil {
		options.GracePeriodSeconds, options.Preconditions = asked.GracePeriodSeconds, asked.Preconditions.DeepCopy()
	}
	if err := meets(options.Preconditions, pods, pod); err != nil {
		return err
	}
	s.markDisrupted(pod)
	if p := options.Preconditions; p != nil && p.ResourceVersion != nil {
		p.ResourceVersion = ptr.To(s.objects[pods][key].GetResourceVersion())
	}
	return s.Delete(pods, key, options)
}

// forbidden is what the server answers if a budget does not allow for the pod's eviction. One
// that does not run, or is on its way out, is asked for by nobody.
func (s *Server) forbidden(pod *corev1.Pod) error {
	if pod.DeletionTimestamp != nil || pod.Status.Phase != corev1.PodRunning {
		return nil
	}
	for key, budget := range s.Budgets {
		if key.Namespace != pod.Namespace || !budget.Selector.Matches(labels.Set(pod.Labels)) {
			continue
		}
		healthy, wanted := s.health(pod.Namespace, budget)
		spare := healthy - (wanted - budget.MaxUnavailable)
		if spare > 0 || spare == 0 && healthy > 0 && !ready(pod) {
			continue
		}
		return overBudget(key, healthy, wanted-budget.MaxUnavailable)
	}
	return nil
}

// health is how many of the pods that a budget selects are ready, and how many there should
// be: as many as the sets want that they are of.
func (s *Server) health(namespace string, budget Budget) (healthy, wanted int) {
	counted := map[types.UID]bool{}
	for _, o := range s.List(pods, namespace) {
		pod := o.(*corev1.Pod)
		if !budget.Selector.Matches(labels.Set(pod.Labels)) {
			continue
		}
		if pod.DeletionTimestamp == nil && ready(pod) {
			healthy++
		}
		owner := metav1.GetControllerOfNoCopy(pod)
		if owner == nil || counted[owner.UID] {
			continue
		}
		counted[owner.UID] = true
		if set, ok := s.objects[sets][types.NamespacedName{Namespace: namespace, Name: owner.Name}]; ok && set.GetUID() == owner.UID {
			wanted += int(*set.(*appsv1.StatefulSet).Spec.Replicas)
		}
	}
	return healthy, wanted
}

func overBudget(key types.NamespacedName, healthy, needed int) error {
	err := apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 0)
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{
		Type:    policyv1.DisruptionBudgetCause,
		Message: fmt.Sprintf("The disruption budget %s needs %d healthy pods and has %d currently", key.Name, needed, healthy),
	})
	return err
}

// markDisrupted writes into a pod's status that it is being evicted.
func (s *Server) markDisrupted(pod *corev1.Pod) {
	marked := pod.DeepCopy()
	marked.Status.Conditions = append(marked.Status.Conditions, corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, LastTransitionTime: s.seconds(),
		Reason: "EvictionByEvictionAPI", Message: "Eviction API: evicting",
	})
	s.put(watch.Modified, pods, marked, pod)
}

func ready(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
