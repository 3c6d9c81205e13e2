package identity

import (
	"maps"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SetKind is the kind that owner references to a set carry.
var SetKind = appsv1.SchemeGroupVersion.WithKind("StatefulSet")

// PodKind is the kind that owner references to a pod carry.
var PodKind = corev1.SchemeGroupVersion.WithKind("Pod")

// NewPod makes the pod with this ordinal from the set's template, which must be
// the template of the named revision.
func NewPod(set *appsv1.StatefulSet, template *corev1.PodTemplateSpec, revision string, ordinal int) *corev1.Pod {
	name := PodName(set.Name, ordinal)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name:            name,
			Namespace:       set.Namespace,
			GenerateName:    set.Name + "-",
			Labels:          maps.Clone(template.Labels),
			Annotations:     maps.Clone(template.Annotations),
			Finalizers:      slices.Clone(template.Finalizers),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, SetKind)},
		},
		Spec: *template.Spec.DeepCopy(),
	}
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	maps.Copy(pod.Labels, Labels(name, ordinal))
	pod.Labels[appsv1.StatefulSetRevisionLabel] = revision
	pod.Spec.Hostname = name
	pod.Spec.Subdomain = set.Spec.ServiceName
	pod.Spec.Volumes = withClaims(set, pod.Spec.Volumes, ordinal)
	return pod
}

// Labels are the labels by which a pod says which member it is.
func Labels(pod string, ordinal int) map[string]string {
	return map[string]string{
		appsv1.StatefulSetPodNameLabel: pod,
		appsv1.PodIndexLabel:           strconv.Itoa(ordinal),
	}
}

// Drift returns the identity labels that the pod should carry and does not. A
// pod made before the index label existed (Kubernetes 1.28) is left without it,
// as upstream leaves it.
func Drift(pod *corev1.Pod, ordinal int) map[string]string {
	index, hasIndex := pod.Labels[appsv1.PodIndexLabel]
	if pod.Labels[appsv1.StatefulSetPodNameLabel] == pod.Name && (!hasIndex || index == strconv.Itoa(ordinal)) {
		return nil
	}
	return Labels(pod.Name, ordinal)
}

// Revision is the name of the revision the pod was made from, empty if unknown.
func Revision(pod *corev1.Pod) string {
	return pod.Labels[appsv1.StatefulSetRevisionLabel]
}
