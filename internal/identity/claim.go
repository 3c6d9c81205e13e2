package identity

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// ClaimName is the name of an ordinal's claim: "data-web-2".
func ClaimName(template, set string, ordinal int) string {
	return template + "-" + PodName(set, ordinal)
}

// ClaimTemplates are the set's claim templates, the last one where several have the same
// name, which the API server allows.
func ClaimTemplates(set *appsv1.StatefulSet) []*corev1.PersistentVolumeClaim {
	all := set.Spec.VolumeClaimTemplates
	templates := make([]*corev1.PersistentVolumeClaim, 0, len(all))
	for i := range all {
		same := slices.IndexFunc(templates, func(t *corev1.PersistentVolumeClaim) bool { return t.Name == all[i].Name })
		if same < 0 {
			templates = append(templates, &all[i])
		} else {
			templates[same] = &all[i]
		}
	}
	return templates
}

// NewClaim makes the claim of this ordinal from one of the set's claim
// templates. It carries the template's labels and the set's selector, as
// upstream's claims do, and no owner.
func NewClaim(set *appsv1.StatefulSet, template *corev1.PersistentVolumeClaim, ordinal int) *corev1.PersistentVolumeClaim {
	claim := template.DeepCopy()
	claim.Name = ClaimName(template.Name, set.Name, ordinal)
	claim.Namespace = set.Namespace
	if claim.Labels == nil {
		claim.Labels = map[string]string{}
	}
	for key, value := range set.Spec.Selector.MatchLabels {
		claim.Labels[key] = value
	}
	claim.Status = corev1.PersistentVolumeClaimStatus{}
	return claim
}

// ClaimSets lists the set names that may have made a claim of this name. Both
// parts of the name may hold dashes, so "a-b-c-0" may belong to "b-c" or "c".
func ClaimSets(claim string) []string {
	prefix, _, _ := Parse(claim) // "" has no sets
	var sets []string
	for i := range len(prefix) {
		if prefix[i] == '-' && i > 0 && i+1 < len(prefix) {
			sets = append(sets, prefix[i+1:])
		}
	}
	return sets
}

// MountsClaims reports whether the pod's volumes are the claims of its ordinal.
func MountsClaims(set *appsv1.StatefulSet, pod *corev1.Pod, ordinal int) bool {
	mounted := map[string]string{}
	for _, volume := range pod.Spec.Volumes {
		if volume.PersistentVolumeClaim != nil {
			mounted[volume.Name] = volume.PersistentVolumeClaim.ClaimName
		}
	}
	for _, template := range ClaimTemplates(set) {
		if mounted[template.Name] != ClaimName(template.Name, set.Name, ordinal) {
			return false
		}
	}
	return true
}

// withClaims puts the ordinal's claims before the template's other volumes. A
// claim template takes the place of a volume of the same name.
func withClaims(set *appsv1.StatefulSet, volumes []corev1.Volume, ordinal int) []corev1.Volume {
	templates := ClaimTemplates(set)
	all := make([]corev1.Volume, 0, len(templates)+len(volumes))
	names := make(map[string]bool, len(templates))
	for _, template := range templates {
		names[template.Name] = true
		all = append(all, corev1.Volume{
			Name: template.Name,
			VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{
				ClaimName: ClaimName(template.Name, set.Name, ordinal),
			}},
		})
	}
	for _, volume := range volumes {
		if !names[volume.Name] {
			all = append(all, volume)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}
