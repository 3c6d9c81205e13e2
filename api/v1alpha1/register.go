package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of the types.
var GroupVersion = schema.GroupVersion{Group: "ordinal.dev", Version: "v1alpha1"}

// The names of the one kind.
const (
	PolicyKind     = "StatefulSetPolicy"
	PolicyResource = "statefulsetpolicies"
)

// AddToScheme adds the types to a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &StatefulSetPolicy{}, &StatefulSetPolicyList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
