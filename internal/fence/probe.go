package fence

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// denial is what the in-tree controller is told, and shows in its log.
const denial = "this StatefulSet is Ordinal's: the in-tree controller is fenced off here (see: kubectl ordinal status)"

// Probe is a pod that the in-tree controller's account must not be able to create: one that
// a set of the namespace seems to control. It is for a dry run.
func Probe(namespace, set string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, GenerateName: "ordinal-probe-",
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: set, UID: types.UID("ordinal-probe")}},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "probe", Image: "probe.invalid/probe"}}},
	}
}

// Denied reports whether an error is the fence's refusal, and nobody else's.
func Denied(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "'"+Name+"'") && strings.Contains(err.Error(), denial)
}
