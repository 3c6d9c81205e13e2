package sim

import (
	"fmt"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/revision"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var revisionsAreTrue = promise{
	sentence: "A pod below the partition, or of a roll-out that stands still, comes back as it was, every other as the set wants it, and a pod's revision label tells which.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		pod, ok := e.Object.(*corev1.Pod)
		if !ok || by == nil || e.Type != added {
			return ""
		}
		if look, known := j.looks[identity.Revision(pod)]; known && look != lookOf(pod.Labels, &pod.Spec) {
			return fmt.Sprintf("%s runs %s, and its label names a revision with %s", pod.Name, lookOf(pod.Labels, &pod.Spec), look)
		}
		// A plan that finds that a roll-out has failed was made before that was so.
		return j.toldTruly(e, by, func(v *view) string { return j.rightRevision(v, pod) })
	},
}

func (j *judge) rightRevision(v *view, pod *corev1.Pod) string {
	image := lookOf(pod.Labels, &pod.Spec)
	current, known := j.looks[v.set.Status.CurrentRevision]
	if _, err := j.w.api.Get(revisions, keyOf(v.set.Status.CurrentRevision)); err != nil {
		known = false // a user has deleted it, and nobody can know what it said
	}
	switch isBelow, why := v.belowPartition(v.ordinal(pod)), v.stands(); {
	case isBelow && known && image != current:
		return fmt.Sprintf("%s is below the partition and was at %s, and was created with %s", pod.Name, current, image)
	case isBelow:
	case why != "" && v.current() != nil:
		if before := v.looks[v.current().Name]; image != before && image != j.bore(v, pod) {
			return fmt.Sprintf("%s was at %s, and the set at %s, and was created with %s while the roll-out %s", pod.Name, j.bore(v, pod), before, image, why)
		}
	case image != v.targetLook():
		return fmt.Sprintf("%s was created with %s, and the set wants %s", pod.Name, image, v.targetLook())
	}
	return ""
}

// bore is how the last pod of this name looked that the set had.
func (j *judge) bore(v *view, pod *corev1.Pod) string {
	for _, e := range slices.Backward(v.log) {
		if old, ok := e.Old.(*corev1.Pod); ok && old.Name == pod.Name && ownedBy(old, v.set) {
			return j.looks[identity.Revision(old)]
		}
	}
	return ""
}

// note keeps what each revision stands for, and that there are policies, and which.
func (j *judge) note(e apiserver.Event) {
	j.ruled = j.ruled || e.Kind == policies
	if policy, ok := e.Object.(*v1alpha1.StatefulSetPolicy); ok && policy.Spec.Rollout != nil {
		j.moving = j.moving || policy.Spec.Rollout.InPlace != nil
	}
	r, ok := e.Object.(*appsv1.ControllerRevision)
	if !ok || e.Type != added {
		return
	}
	template, err := revision.Template(r)
	j.w.must(err)
	j.looks[r.Name], j.templates[r.Name] = lookOf(template.Labels, &template.Spec), template
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
	if note, has := labels[noteLabel]; has {
		look += " with note " + note
	}
	if cpu := cpuOf(spec); cpu != "" {
		look += " with cpu " + cpu
	}
	return look + fixedLook(spec)
}

// fixedLook is the part of lookOf that a pod keeps for its life.
func fixedLook(spec *corev1.PodSpec) (look string) {
	for _, port := range spec.Containers[0].Ports {
		look += " on " + strconv.Itoa(int(port.ContainerPort))
	}
	if ptr.Deref(spec.TerminationGracePeriodSeconds, 30) == 0 {
		look += " that ends at once"
	}
	return look
}
