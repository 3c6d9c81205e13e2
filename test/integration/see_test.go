package integration

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// What a test sees of its namespace. Everything is read from the watches; an
// object that is not there is nil.

func (w *world) set(name string) *appsv1.StatefulSet {
	set, err := w.informers.Apps().V1().StatefulSets().Lister().StatefulSets(w.namespace).Get(name)
	return found(set, err)
}

func (w *world) pod(name string) *corev1.Pod {
	pod, err := w.informers.Core().V1().Pods().Lister().Pods(w.namespace).Get(name)
	return found(pod, err)
}

func (w *world) claim(name string) *corev1.PersistentVolumeClaim {
	claim, err := w.informers.Core().V1().PersistentVolumeClaims().Lister().PersistentVolumeClaims(w.namespace).Get(name)
	return found(claim, err)
}

func (w *world) service(name string) *corev1.Service {
	service, err := w.informers.Core().V1().Services().Lister().Services(w.namespace).Get(name)
	return found(service, err)
}

// found turns the only error a lister has, not found, into nil.
func found[T any](object *T, err error) *T {
	if err != nil {
		return nil
	}
	return object
}

func (w *world) pods() []*corev1.Pod {
	pods, err := w.informers.Core().V1().Pods().Lister().Pods(w.namespace).List(labels.Everything())
	w.must(err)
	return sorted(pods)
}

func (w *world) claims() []*corev1.PersistentVolumeClaim {
	claims, err := w.informers.Core().V1().PersistentVolumeClaims().Lister().PersistentVolumeClaims(w.namespace).List(labels.Everything())
	w.must(err)
	return sorted(claims)
}

// revisions are those of the namespace, oldest first.
func (w *world) revisions() []*appsv1.ControllerRevision {
	revisions, err := w.informers.Apps().V1().ControllerRevisions().Lister().ControllerRevisions(w.namespace).List(labels.Everything())
	w.must(err)
	slices.SortFunc(revisions, func(a, b *appsv1.ControllerRevision) int { return cmp.Compare(a.Revision, b.Revision) })
	return revisions
}

func (w *world) events() []*corev1.Event {
	events, err := w.informers.Core().V1().Events().Lister().Events(w.namespace).List(labels.Everything())
	w.must(err)
	slices.SortFunc(events, func(a, b *corev1.Event) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return events
}

func sorted[T metav1.Object](objects []T) []T {
	slices.SortFunc(objects, func(a, b T) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return objects
}

func names[T metav1.Object](objects []T) []string {
	list := make([]string, 0, len(objects))
	for _, o := range objects {
		list = append(list, o.GetName())
	}
	return list
}

// uids tell whether objects are the very same as before.
func uids[T metav1.Object](objects []T) map[string]types.UID {
	byName := map[string]types.UID{}
	for _, o := range objects {
		byName[o.GetName()] = o.GetUID()
	}
	return byName
}

// ready objects unless the set and exactly its n pods are ready and current,
// and the status says so.
func (w *world) ready(name string, n int32) func() error {
	return func() error {
		set := w.set(name)
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
			return fmt.Errorf("%s is not complete with %d replicas: its status is %s", name, n, summary(s))
		}
		return nil
	}
}

// allGone objects while a set or a pod is left.
func (w *world) allGone() error {
	if set := w.informers.Apps().V1().StatefulSets().Informer().GetStore().ListKeys(); len(set) > 0 {
		return fmt.Errorf("%v is still there", set)
	}
	if pods := w.pods(); len(pods) > 0 {
		return fmt.Errorf("pods are still there: %v", names(pods))
	}
	return nil
}

func summary(s appsv1.StatefulSetStatus) string {
	return fmt.Sprintf("generation %d: %d replicas, %d ready, %d available, %d current (%s), %d updated (%s)",
		s.ObservedGeneration, s.Replicas, s.ReadyReplicas, s.AvailableReplicas,
		s.CurrentReplicas, s.CurrentRevision, s.UpdatedReplicas, s.UpdateRevision)
}

// picture is the namespace as a person would want to see it after a failure.
func (w *world) picture() string {
	var b strings.Builder
	sets, err := w.informers.Apps().V1().StatefulSets().Lister().StatefulSets(w.namespace).List(labels.Everything())
	w.must(err)
	for _, set := range sets {
		fmt.Fprintf(&b, "set %s, generation %d, %d replicas wanted; status of %s\n", set.Name, set.Generation, *set.Spec.Replicas, summary(set.Status))
		for _, c := range set.Status.Conditions {
			fmt.Fprintf(&b, "    %s=%s %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
		}
	}
	for _, pod := range w.pods() {
		fmt.Fprintf(&b, "pod %s: %s, ready %t, stopping %t, revision %s, node %q\n", pod.Name, pod.Status.Phase,
			isReady(pod), pod.DeletionTimestamp != nil, pod.Labels[appsv1.StatefulSetRevisionLabel], pod.Spec.NodeName)
	}
	for _, claim := range w.claims() {
		fmt.Fprintf(&b, "claim %s: %s\n", claim.Name, claim.Status.Phase)
	}
	for _, e := range w.events() {
		fmt.Fprintf(&b, "event %s %s/%s %s: %s\n", e.Type, e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message)
	}
	return b.String()
}
