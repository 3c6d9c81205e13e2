package report

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"ordinal.dev/ordinal/internal/plan"
)

// longestNote keeps a note within the 1024 bytes that the API allows.
const longestNote = 1000

// Recorder records events; it is the half of client-go's that is needed.
type Recorder interface {
	Eventf(regarding, related runtime.Object, eventtype, reason, action, note string, args ...any)
}

// record turns an event of a plan into one of Kubernetes. What happens to one pod or claim
// again and again, or is wrong with the set for long, is one event with a count:
// client-go counts those that differ in their note only. It would tell sets apart
// by their resourceVersion, which is therefore left out.
func record(to Recorder, set *appsv1.StatefulSet, e plan.Event) {
	kind := corev1.EventTypeNormal
	if e.Warning {
		kind = corev1.EventTypeWarning
	}
	regarding := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: set.Namespace, Name: set.Name, UID: set.UID}}
	if !e.Warning && e.Pod == "" && e.Claim == "" {
		regarding.ResourceVersion = set.ResourceVersion
	}
	var related runtime.Object
	switch {
	case e.Pod != "":
		related = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: set.Namespace, Name: e.Pod}}
	case e.Claim != "":
		related = &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: set.Namespace, Name: e.Claim}}
	}
	to.Eventf(regarding, related, kind, e.Reason, "Reconcile", "%s", shorten(e.Message))
}

func shorten(note string) string {
	if len(note) <= longestNote {
		return note
	}
	return strings.ToValidUTF8(note[:longestNote], "") + "…"
}
