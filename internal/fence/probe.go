package fence

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// denial is what the in-tree controller is told, and shows in its log.
const denial = "this StatefulSet is Ordinal's: the in-tree controller is fenced off here (see: kubectl ordinal status)"

// Probe is a revision that the in-tree controller's account must not be able to create: one
// of a set of the namespace, by its owner. It is for a dry run. Hardly any other admission
// plugin looks at revisions, where many refuse pods.
func Probe(namespace, set string) *appsv1.ControllerRevision {
	return &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, GenerateName: "ordinal-probe-",
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: set, UID: "ordinal-probe"}},
		},
		Data: runtime.RawExtension{Raw: []byte("{}")},
	}
}

// Denied reports whether an error is the fence's refusal, and nobody else's.
func Denied(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "'"+Name+"'") && strings.Contains(err.Error(), denial)
}
