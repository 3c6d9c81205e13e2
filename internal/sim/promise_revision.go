package sim

import (
	"fmt"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/revision"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var revisionsAreTrue = promise{
	sentence: "A pod below the partition comes back as it was, every other as the set wants it, and a pod's revision label tells which.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		pod, ok := e.Object.(*corev1.Pod)
		if !ok || by == nil || e.Type != added {
			return ""
		}
		if look, known := j.looks[identity.Revision(pod)]; known && look != lookOf(pod.Labels, &pod.Spec) {
			return fmt.Sprintf("%s runs %s, and its label names a revision with %s", pod.Name, lookOf(pod.Labels, &pod.Spec), look)
		}
		return j.allowed(e, by, func(v *view) string { return j.rightRevision(v, pod) })
	},
}

func (j *judge) rightRevision(v *view, pod *corev1.Pod) string {
	wanted, image := v.wantedLook(), lookOf(pod.Labels, &pod.Spec)
	current, known := j.looks[v.set.Status.CurrentRevision]
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

// note keeps what each revision stands for.
func (j *judge) note(e apiserver.Event) {
	r, ok := e.Object.(*appsv1.ControllerRevision)
	if !ok || e.Type != added {
		return
	}
	template, err := revision.Template(r)
	j.w.must(err)
	j.looks[r.Name] = lookOf(template.Labels, &template.Spec)
}

// lookOf is all by which templates, and the pods made from them, differ here.
func lookOf(labels map[string]string, spec *corev1.PodSpec) string {
	look := imageOf(spec)
	if app, role := labels["app"], labels["role"]; role != "" {
		look += " of " + app + " " + role
	}
	if release, has := labels[releaseLabel]; has {
		look += " as release " + release
	}
	for _, port := range spec.Containers[0].Ports {
		look += " on " + strconv.Itoa(int(port.ContainerPort))
	}
	if ptr.Deref(spec.TerminationGracePeriodSeconds, 30) == 0 {
		look += " that ends at once"
	}
	return look
}
