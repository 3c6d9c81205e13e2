package preflight

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/fence"
)

const (
	// Label is on everything that a trial makes outside of its namespace.
	Label = "ordinal.dev/preflight"
	// prefix begins the names of those.
	prefix = "ordinal-preflight-"
	// setName is the set's.
	setName = "probe"
	// gate keeps its pod from being scheduled: no scheduler looks at it, and no autoscaler
	// makes a node for it. Scheduling gates are GA since 1.30, as admission policies are.
	gate = Label
)

func meta() metav1.ObjectMeta {
	return metav1.ObjectMeta{GenerateName: prefix, Labels: map[string]string{Label: "true"}}
}

// namespace is where the trial takes place. An Ordinal that is installed stays away.
func namespace() *corev1.Namespace {
	n := &corev1.Namespace{ObjectMeta: meta()}
	n.Labels[fence.Label] = fence.InTree
	return n
}

// policy is the fence's own, but that it denies everything that it is asked about.
func policy() *admissionv1.ValidatingAdmissionPolicy {
	p := fence.Policy()
	p.ObjectMeta = meta()
	p.Spec.Variables = nil
	p.Spec.Validations[0].Expression = "false"
	p.Spec.Validations[0].Message = "kubectl ordinal preflight tries whether this can be refused"
	return p
}

// whole is the fence's policy under another name: an API server that accepts it understands
// its expressions.
func whole() *admissionv1.ValidatingAdmissionPolicy {
	p := fence.Policy()
	p.ObjectMeta = meta()
	return p
}

// binding puts the policy in force in one namespace, by the label that the API server
// itself gives to each.
func binding(policy, namespace string) *admissionv1.ValidatingAdmissionPolicyBinding {
	b := fence.Binding()
	b.ObjectMeta = meta()
	b.Spec.PolicyName = policy
	b.Spec.MatchResources.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}}
	return b
}

// set is one whose pod stays Pending. It is written so that no policy of the cluster's
// has anything against it.
func set(namespace string) *appsv1.StatefulSet {
	labels := map[string]string{"app": "ordinal-preflight"}
	little := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1m"), corev1.ResourceMemory: resource.MustParse("4Mi")}
	return &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: setName},
		Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To[int32](1),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					SchedulingGates:              []corev1.PodSchedulingGate{{Name: gate}},
					AutomountServiceAccountToken: ptr.To(false),
					SecurityContext: &corev1.PodSecurityContext{
						RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To[int64](65532),
						SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
					},
					Containers: []corev1.Container{{
						Name: "probe", Image: "registry.k8s.io/pause:3.10.1", // which is never pulled
						Resources: corev1.ResourceRequirements{Requests: little, Limits: little},
						SecurityContext: &corev1.SecurityContext{
							AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
							Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
						},
					}},
				},
			},
		},
	}
}
