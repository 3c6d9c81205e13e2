package sim

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var labelIsTrue = promise{
	sentence: "A pod's revision label is what its containers run, but for the time in which the pod is marked as being updated in place; the label never comes before the resources, nor after the image.",
	event: func(j *judge, e apiserver.Event, _ *instance) string {
		pod, ok := e.Object.(*corev1.Pod)
		if !ok || !j.moving || e.Type == deleted || metav1.GetControllerOfNoCopy(pod) == nil {
			return ""
		}
		return j.mislabelled(pod, e.Old)
	},
}

// mislabelled says what a pod has, or its container, that is not of the revision which its
// label names. One that is on its way may have other resources already, but not when it gets
// the label.
func (j *judge) mislabelled(pod *corev1.Pod, old client.Object) string {
	name, to := identity.Revision(pod), destination(pod)
	template, known := j.templates[name]
	if !known {
		return ""
	}
	image, cpu := imageOf(&template.Spec), cpuOf(&template.Spec)
	for _, label := range []string{releaseLabel, noteLabel} {
		if pod.Labels[label] != template.Labels[label] {
			return fmt.Sprintf("%s has label %s=%s, and its revision %s has %s", pod.Name, label, pod.Labels[label], name, template.Labels[label])
		}
	}
	c := j.w.containerOf(pod)
	switch {
	case imageOf(&pod.Spec) != image:
		return fmt.Sprintf("%s asks for image %s, and its revision %s is of %s", pod.Name, imageOf(&pod.Spec), name, image)
	case to == "" && cpuOf(&pod.Spec) != cpu:
		return fmt.Sprintf("%s asks for cpu %s, and its revision %s for %s", pod.Name, cpuOf(&pod.Spec), name, cpu)
	case c.uid == "":
		return ""
	case to == "" && c.image != image:
		return fmt.Sprintf("%s runs %s, and its revision %s is of %s", pod.Name, c.image, name, image)
	case (to == "" || old != nil && identity.Revision(old.(*corev1.Pod)) != name) && c.cpu != cpu:
		return fmt.Sprintf("%s runs with cpu %s, and its revision %s asks for %s", pod.Name, c.cpu, name, cpu)
	}
	return ""
}

// containerOf is the one that runs of a pod, if one does.
func (w *World) containerOf(pod *corev1.Pod) container {
	for _, n := range w.nodes {
		if c := n.containers[pod.Name]; c.uid == pod.UID {
			return c
		}
	}
	return container{}
}

var placeIsKept = promise{
	sentence: "A pod that serves keeps its place where the policy says so: if its change can be made there, or nothing else may be done.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		if !j.moving || !removal(e) {
			return ""
		}
		return j.rolledOut(e, by, func(v *view, pod *corev1.Pod) string { return v.mayLosePlace(j, pod) })
	},
}

// mayLosePlace says why a pod may not be recreated for an update. One that is on its way may
// turn out to get no further.
func (v *view) mayLosePlace(j *judge, pod *corev1.Pod) string {
	if !v.mayMove() || !v.available(pod) || v.hasLeft(pod) || v.belowPartition(v.ordinal(pod)) {
		return ""
	}
	from, to := v.revision(identity.Revision(pod)), v.update()
	if v.reverts() {
		to = v.current()
	}
	switch {
	case v.rollout().InPlace.Mode == v1alpha1.InPlaceOnly:
		return fmt.Sprintf("%s was taken down, and may only be updated in place", pod.Name)
	case from == nil || to == nil || !v.keepsPlace(pod) || v.mountsOther(pod) || v.growsByRestart(pod):
		return ""
	}
	was, is := &j.templates[from.Name].Spec, &j.templates[to.Name].Spec
	if fixedLook(was) == fixedLook(is) && cpuOf(was) == cpuOf(is) {
		return fmt.Sprintf("%s was taken down, and could have been updated in place", pod.Name)
	}
	return ""
}
