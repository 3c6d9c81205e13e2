package world

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// What a test sees of its namespace is read from the watches. An object that is
// not there is nil.

// Set is the StatefulSet of that name.
func (w *World) Set(name string) *appsv1.StatefulSet {
	set, err := w.informers.Apps().V1().StatefulSets().Lister().StatefulSets(w.Namespace).Get(name)
	return found(set, err)
}

// Pod is the pod of that name.
func (w *World) Pod(name string) *corev1.Pod {
	pod, err := w.informers.Core().V1().Pods().Lister().Pods(w.Namespace).Get(name)
	return found(pod, err)
}

// Claim is the claim of that name.
func (w *World) Claim(name string) *corev1.PersistentVolumeClaim {
	claim, err := w.informers.Core().V1().PersistentVolumeClaims().Lister().PersistentVolumeClaims(w.Namespace).Get(name)
	return found(claim, err)
}

// Service is the Service of that name.
func (w *World) Service(name string) *corev1.Service {
	service, err := w.informers.Core().V1().Services().Lister().Services(w.Namespace).Get(name)
	return found(service, err)
}

// Hostnames are those that a Service publishes with addresses, sorted.
func (w *World) Hostnames(service string) []string {
	of := labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: service})
	endpoints, err := w.informers.Discovery().V1().EndpointSlices().Lister().EndpointSlices(w.Namespace).List(of)
	w.Must(err)
	var names []string
	for _, slice := range endpoints {
		for _, endpoint := range slice.Endpoints {
			if endpoint.Hostname != nil {
				names = append(names, *endpoint.Hostname)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// found turns the only error a lister has, not found, into nil.
func found[T any](object *T, err error) *T {
	if err != nil {
		return nil
	}
	return object
}

// Pods are sorted by name.
func (w *World) Pods() []*corev1.Pod {
	pods, err := w.informers.Core().V1().Pods().Lister().Pods(w.Namespace).List(labels.Everything())
	w.Must(err)
	return sorted(pods)
}

// Claims are sorted by name.
func (w *World) Claims() []*corev1.PersistentVolumeClaim {
	claims, err := w.informers.Core().V1().PersistentVolumeClaims().Lister().PersistentVolumeClaims(w.Namespace).List(labels.Everything())
	w.Must(err)
	return sorted(claims)
}

// Revisions are those of the namespace, oldest first.
func (w *World) Revisions() []*appsv1.ControllerRevision {
	revisions, err := w.informers.Apps().V1().ControllerRevisions().Lister().ControllerRevisions(w.Namespace).List(labels.Everything())
	w.Must(err)
	slices.SortFunc(revisions, func(a, b *appsv1.ControllerRevision) int { return cmp.Compare(a.Revision, b.Revision) })
	return revisions
}

// Events are those of the namespace, oldest first.
func (w *World) Events() []*corev1.Event {
	events, err := w.informers.Core().V1().Events().Lister().Events(w.Namespace).List(labels.Everything())
	w.Must(err)
	slices.SortFunc(events, func(a, b *corev1.Event) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return events
}

func sorted[T metav1.Object](objects []T) []T {
	slices.SortFunc(objects, func(a, b T) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return objects
}

// Names are those of the objects.
func Names[T metav1.Object](objects []T) []string {
	list := make([]string, 0, len(objects))
	for _, o := range objects {
		list = append(list, o.GetName())
	}
	return list
}

// UIDs tell whether objects are the very same as before.
func UIDs[T metav1.Object](objects []T) map[string]types.UID {
	byName := map[string]types.UID{}
	for _, o := range objects {
		byName[o.GetName()] = o.GetUID()
	}
	return byName
}

// Ready objects unless the set and exactly its n pods are ready and current,
// and the status says so.
func (w *World) Ready(name string, n int32) func() error {
	return func() error {
		set := w.Set(name)
		if set == nil {
			return fmt.Errorf("there is no StatefulSet %s", name)
		}
		s := set.Status
		want := appsv1.StatefulSetStatus{
			ObservedGeneration: set.Generation,
			Replicas:           n, ReadyReplicas: n, AvailableReplicas: n, CurrentReplicas: n, UpdatedReplicas: n,
			CurrentRevision: s.UpdateRevision, UpdateRevision: s.UpdateRevision,
			CollisionCount: s.CollisionCount, Conditions: s.Conditions,
		}
		if !equality.Semantic.DeepEqual(s, want) {
			return fmt.Errorf("%s is not complete with %d replicas: its status is %s", name, n, Summary(s))
		}
		// Nothing orders the watches of two kinds: the status may be seen before
		// the pods that it tells of.
		pods := w.podsOf(set)
		if len(pods) != int(n) {
			return fmt.Errorf("%s says %d replicas, and the pods seen are %v", name, n, Names(pods))
		}
		for _, pod := range pods {
			if last := w.lastOf(pod.Name); last != "ready" {
				return fmt.Errorf("%s says %d ready, and the last seen of %s is %q", name, n, pod.Name, last)
			}
		}
		return nil
	}
}

func (w *World) podsOf(set *appsv1.StatefulSet) []*corev1.Pod {
	return slices.DeleteFunc(w.Pods(), func(pod *corev1.Pod) bool { return !metav1.IsControlledBy(pod, set) })
}

// AllGone objects while a set or a pod is left.
func (w *World) AllGone() error {
	if set := w.informers.Apps().V1().StatefulSets().Informer().GetStore().ListKeys(); len(set) > 0 {
		return fmt.Errorf("%v is still there", set)
	}
	if pods := w.Pods(); len(pods) > 0 {
		return fmt.Errorf("pods are still there: %v", Names(pods))
	}
	return nil
}

// AllTerminating objects while a pod is there that is not being deleted.
func (w *World) AllTerminating() error {
	for _, pod := range w.Pods() {
		if pod.DeletionTimestamp == nil {
			return fmt.Errorf("%s is not being deleted", pod.Name)
		}
	}
	return nil
}

// Summary is a status in one line.
func Summary(s appsv1.StatefulSetStatus) string {
	return fmt.Sprintf("generation %d: %d replicas, %d ready, %d available, %d current (%s), %d updated (%s)",
		s.ObservedGeneration, s.Replicas, s.ReadyReplicas, s.AvailableReplicas,
		s.CurrentReplicas, s.CurrentRevision, s.UpdatedReplicas, s.UpdateRevision)
}

// Picture is the namespace as a person would want to see it after a failure.
func (w *World) Picture() string {
	var b strings.Builder
	sets, err := w.informers.Apps().V1().StatefulSets().Lister().StatefulSets(w.Namespace).List(labels.Everything())
	w.Must(err)
	for _, set := range sets {
		fmt.Fprintf(&b, "set %s, generation %d, %d replicas wanted; status of %s\n", set.Name, set.Generation, *set.Spec.Replicas, Summary(set.Status))
		for _, c := range set.Status.Conditions {
			fmt.Fprintf(&b, "    %s=%s %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
		}
	}
	for _, pod := range w.Pods() {
		fmt.Fprintf(&b, "pod %s: %s, ready %t, stopping %t, revision %s, node %q\n", pod.Name, pod.Status.Phase,
			IsReady(pod), pod.DeletionTimestamp != nil, pod.Labels[appsv1.StatefulSetRevisionLabel], pod.Spec.NodeName)
	}
	for _, claim := range w.Claims() {
		fmt.Fprintf(&b, "claim %s: %s\n", claim.Name, claim.Status.Phase)
	}
	for _, e := range w.Events() {
		fmt.Fprintf(&b, "event %s %s/%s %s: %s\n", e.Type, e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message)
	}
	return b.String()
}

// IsReady says whether a pod has the condition Ready.
func IsReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// Happened is what happened to pods since the test last accounted for it, oldest first.
func (w *World) Happened() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.history[w.recalled:])
}
