package sim

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

// story is a history in words: who did what, and what each controller saw.
type story struct{ lines []string }

// tell adds a line in the voice of whoever is doing something.
func (w *World) tell(format string, args ...any) {
	if w.story == nil {
		return
	}
	w.story.lines = append(w.story.lines, fmt.Sprintf("%10s  %-18s %s",
		w.now.Sub(epoch).Round(time.Millisecond), w.voice, fmt.Sprintf(format, args...)))
}

// tellEvent says what has changed at the API server.
func (w *World) tellEvent(e apiserver.Event) {
	if w.story == nil {
		return
	}
	verb := map[bool]string{true: "changes", false: "removes"}[e.Type != deleted]
	if e.Type == added {
		verb = "creates"
	}
	if e.Old != nil && e.Old.GetDeletionTimestamp() == nil && e.Type != deleted && e.Object.GetDeletionTimestamp() != nil {
		verb = "deletes"
	}
	w.tell("%s %s  [v%d]", verb, describe(e), e.Version)
}

// describe says what an object is now, as far as the story needs it.
func describe(e apiserver.Event) string {
	words := strings.TrimSuffix(string(e.Kind), "s") + " " + e.Object.GetName()
	switch object := e.Object.(type) {
	case *corev1.Pod:
		words += ": " + stateOf(object)
	case *appsv1.StatefulSet:
		s := object.Status
		words += fmt.Sprintf(": generation %d, %s; status: observed %d, replicas %d, ready %d, available %d, updated %d, current %d",
			object.Generation, wants(object), s.ObservedGeneration, s.Replicas, s.ReadyReplicas, s.AvailableReplicas, s.UpdatedReplicas, s.CurrentReplicas)
	case *v1alpha1.StatefulSetPolicy:
		said, _ := json.Marshal(object.Spec) // which can be encoded
		words += fmt.Sprintf(": %s; status: %s, %s", said, object.Status.State, object.Status.Reason)
	case *appsv1.ControllerRevision:
		words += fmt.Sprintf(": number %d", object.Revision)
		for _, key := range sortedKeys(object.Annotations) {
			words += fmt.Sprintf(", %s: %s", key, object.Annotations[key])
		}
	case *corev1.PersistentVolumeClaim:
		for _, owner := range object.OwnerReferences {
			words += fmt.Sprintf(", owned by %s %s", owner.Kind, owner.Name)
		}
		words += inWords(object)
	}
	return words
}

// wants says what a set's user wants.
func wants(set *appsv1.StatefulSet) string {
	words := fmt.Sprintf("%d × %s from %d, %s, %s", *set.Spec.Replicas, imageOf(&set.Spec.Template.Spec),
		identity.OrdinalsOf(set).Start, set.Spec.PodManagementPolicy, set.Spec.UpdateStrategy.Type)
	if r := set.Spec.UpdateStrategy.RollingUpdate; r != nil && r.Partition != nil && *r.Partition > 0 {
		words += fmt.Sprintf(" partition %d", *r.Partition)
	}
	return words
}

func stateOf(pod *corev1.Pod) string {
	words := imageOf(&pod.Spec)
	if pod.Spec.NodeName != "" {
		words += " on " + pod.Spec.NodeName
	}
	words += ", " + string(pod.Status.Phase)
	if isReady(pod) {
		words += ", ready"
	}
	if role := pod.Labels[roleLabel]; role != "" {
		words += ", " + role
	}
	if pod.DeletionTimestamp != nil {
		words += ", terminating"
	}
	if len(pod.OwnerReferences) == 0 {
		words += ", of nobody"
	}
	return words
}

// tellView says what a controller has got to see of a set.
func (i *instance) tellView(set string) {
	if i.w.story == nil {
		return
	}
	var seen []string
	for _, kind := range []apiserver.Kind{sets, pods, claims, policies} {
		for _, name := range sortedKeys(i.feeds[kind].seen) {
			e := i.feeds[kind].seen[name]
			if owner, _, ok := identity.Parse(strings.TrimPrefix(name, "data-")); name == set || ok && owner == set {
				seen = append(seen, fmt.Sprintf("%s v%s", name, e.GetResourceVersion()))
			}
		}
	}
	i.w.tell("looks at %s, and sees %s", set, strings.Join(seen, ", "))
}
