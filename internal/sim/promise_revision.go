package sim

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var revisionsAreTrue = promise{
	sentence: "A pod below the partition comes back as it was, every other as the set wants it, and a pod's revision label tells which.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		pod, ok := e.Object.(*corev1.Pod)
		if !ok || by == nil || e.Type != added {
			return ""
		}
		if image, known := j.images[identity.Revision(pod)]; known && image != imageOf(&pod.Spec) {
			return fmt.Sprintf("%s runs %s, and its label names a revision with %s", pod.Name, imageOf(&pod.Spec), image)
		}
		return j.allowed(e, by, func(v *view) string { return j.rightRevision(v, pod) })
	},
}

func (j *judge) rightRevision(v *view, pod *corev1.Pod) string {
	wanted, image := imageOf(&v.set.Spec.Template.Spec), imageOf(&pod.Spec)
	current, known := j.images[v.set.Status.CurrentRevision]
	if _, err := j.w.api.Get(revisions, keyOf(v.set.Status.CurrentRevision)); err != nil {
		known = false // a user has deleted it, and nobody can know what it said
	}
	if !v.belowPartition(v.ordinal(pod)) || !known {
		if image == wanted || v.belowPartition(v.ordinal(pod)) {
			return ""
		}
		return fmt.Sprintf("%s was created with %s, and the set wants %s", pod.Name, image, wanted)
	}
	if image != current {
		return fmt.Sprintf("%s is below the partition and was at %s, and was created with %s", pod.Name, current, image)
	}
	return ""
}

// note keeps which image each revision stands for.
func (j *judge) note(e apiserver.Event) {
	r, ok := e.Object.(*appsv1.ControllerRevision)
	if !ok || e.Type != added {
		return
	}
	_, rest, _ := strings.Cut(string(r.Data.Raw), `"image":"`)
	j.images[r.Name], _, _ = strings.Cut(rest, `"`)
}
