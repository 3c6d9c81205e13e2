package apiserver

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// DryRun is Create without making anything, for a pod of a name that may be taken: that is
// looked at last.
func (s *Server) DryRun(o client.Object) error {
	if key := client.ObjectKeyFromObject(o); s.Terminating[key.Namespace] {
		return terminating(KindOf(o), key)
	}
	made := copyOf(o)
	prepare(made)
	return s.schedulable(made)
}

// schedulable refuses a pod of a class that there is not, as admission does, and one that is invalid
// in what is served of its scheduling.
func (s *Server) schedulable(o client.Object) error {
	pod, ok := o.(*corev1.Pod)
	if !ok {
		return nil
	}
	if class := pod.Spec.PriorityClassName; class != "" && !s.Classes[class] {
		return apierrors.NewForbidden(pods.resource(), pod.Name, fmt.Errorf("no PriorityClass with name %s was found", class))
	}
	return invalid(pod, metav1validation.ValidateLabels(pod.Spec.NodeSelector, inSpec.Child("nodeSelector")))
}
