package sim

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/api/v1alpha1"
)

// noteLabel is one of templates that says nothing to anybody, and restarts nothing.
const noteLabel = "note"

// retuned changes what may change of pods where they are, in one write: a word for each part.
func retuned(set *appsv1.StatefulSet, m Move) {
	template := &set.Spec.Template
	for word := range strings.FieldsSeq(m.Text) {
		switch name, value, _ := strings.Cut(word, "="); name {
		case "cpu":
			template.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(value)}
		case "note":
			metav1.SetMetaDataLabel(&template.ObjectMeta, noteLabel, fmt.Sprint(m.N))
		default:
			setImage(set, nextImage(set, word))
		}
	}
}

// easeInPlace is what users do about updates in place that hold a roll-out once the faults
// are over: they let pods be recreated.
func (w *World) easeInPlace(set string) {
	for _, policy := range w.policiesOf(set) {
		if policy.Spec.Rollout.InPlace != nil {
			updated := policy.DeepCopy()
			updated.Spec.Rollout.InPlace.Mode, updated.Spec.Rollout.InPlace.OnInfeasible = v1alpha1.InPlaceIfPossible, ""
			w.try(w.api.Update(updated))
		}
	}
}
