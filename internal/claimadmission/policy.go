package claimadmission

import (
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/claimtemplates"
	"ordinal.dev/ordinal/internal/fence"
)

const (
	// Name is that of both policies and of their bindings.
	Name = "claim-templates.ordinal.dev"
	// refusedAnnotation is on a set only between the two policies.
	refusedAnnotation = "ordinal.dev/claim-templates-refused"
)

// Recording is the policy that records, where Ordinal runs in a mode of package fence.
//
// An expression that fails has the API server go on without it: then its own validation
// refuses the templates, as it does without the policy.
func Recording(mode string) *admissionv1.MutatingAdmissionPolicy {
	return &admissionv1.MutatingAdmissionPolicy{
		TypeMeta:   typeMeta("MutatingAdmissionPolicy"),
		ObjectMeta: metav1.ObjectMeta{Name: Name},
		Spec: admissionv1.MutatingAdmissionPolicySpec{
			FailurePolicy:      ptr.To(admissionv1.Ignore),
			ReinvocationPolicy: admissionv1.NeverReinvocationPolicy,
			MatchConstraints:   updates(),
			MatchConditions:    []admissionv1.MatchCondition{{Name: "templates-applied", Expression: changed + " || " + recorded + " && (" + appliedByClient + " || " + appliedByServer + ")"}},
			Variables: append([]admissionv1.Variable{
				{Name: "ours", Expression: ours(mode)},
				{Name: "old", Expression: `oldObject.spec.?volumeClaimTemplates.orValue([])`},
				{Name: "new", Expression: `object.spec.?volumeClaimTemplates.orValue([])`},
				{Name: "added", Expression: `variables.new.filter(n, !variables.old.exists(o, o.metadata.name == n.metadata.name))`},
				{Name: "record", Expression: record},
			}, refusals...),
			Mutations: []admissionv1.Mutation{{
				PatchType: admissionv1.PatchTypeJSONPatch,
				JSONPatch: &admissionv1.JSONPatch{Expression: mutation},
			}},
		},
	}
}

// Refusing is the policy that refuses what the other one has noted.
func Refusing() *admissionv1.ValidatingAdmissionPolicy {
	refused := fmt.Sprintf(`object.metadata.?annotations[?%q]`, refusedAnnotation)
	return &admissionv1.ValidatingAdmissionPolicy{
		TypeMeta:   typeMeta("ValidatingAdmissionPolicy"),
		ObjectMeta: metav1.ObjectMeta{Name: Name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy:    ptr.To(admissionv1.Fail),
			MatchConstraints: updates(),
			Validations: []admissionv1.Validation{{
				Expression:        "!" + refused + ".hasValue()",
				MessageExpression: "string(" + refused + `.orValue(""))`,
				Reason:            ptr.To(metav1.StatusReasonInvalid), // which kubectl shows without the whole patch
			}},
		},
	}
}

// RecordingBinding has the one policy in force in all namespaces that may have sets of
// Ordinal's.
func RecordingBinding(mode string) *admissionv1.MutatingAdmissionPolicyBinding {
	return &admissionv1.MutatingAdmissionPolicyBinding{
		TypeMeta:   typeMeta("MutatingAdmissionPolicyBinding"),
		ObjectMeta: metav1.ObjectMeta{Name: Name},
		Spec:       admissionv1.MutatingAdmissionPolicyBindingSpec{PolicyName: Name, MatchResources: namespaces(mode)},
	}
}

// RefusingBinding has the other one in force in the same namespaces.
func RefusingBinding(mode string) *admissionv1.ValidatingAdmissionPolicyBinding {
	return &admissionv1.ValidatingAdmissionPolicyBinding{
		TypeMeta:   typeMeta("ValidatingAdmissionPolicyBinding"),
		ObjectMeta: metav1.ObjectMeta{Name: Name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        Name,
			MatchResources:    namespaces(mode),
			ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}
}

func typeMeta(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: kind}
}

// updates are the writes that may change templates. Those of the subresources scale and
// status cannot.
func updates() *admissionv1.MatchResources {
	in := everywhere()
	in.ResourceRules = []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
		Operations: []admissionv1.OperationType{admissionv1.Update},
		Rule: admissionv1.Rule{
			APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"statefulsets"},
			Scope: ptr.To(admissionv1.AllScopes),
		},
	}}}
	return in
}

// everywhere is what the API server makes of a match that says nothing.
func everywhere() *admissionv1.MatchResources {
	return &admissionv1.MatchResources{
		NamespaceSelector: &metav1.LabelSelector{},
		ObjectSelector:    &metav1.LabelSelector{},
		MatchPolicy:       ptr.To(admissionv1.Equivalent),
	}
}

// namespaces are those that may have sets of Ordinal's. A label that is not there is none of
// the values of NotIn.
func namespaces(mode string) *admissionv1.MatchResources {
	label := metav1.LabelSelectorRequirement{Key: fence.Label, Operator: metav1.LabelSelectorOpNotIn, Values: []string{fence.InTree}}
	if mode == fence.Fenced {
		label.Operator, label.Values = metav1.LabelSelectorOpIn, []string{fence.Ordinal, fence.OrdinalSets}
	}
	in := everywhere()
	in.NamespaceSelector.MatchExpressions = []metav1.LabelSelectorRequirement{label}
	return in
}

// ours tells whether a set in one of those namespaces is Ordinal's, and is to stay so.
func ours(mode string) string {
	listed := func(annotation, name string) string {
		return fmt.Sprintf(`%s in namespaceObject.metadata.?annotations[?%q].orValue("").split(",")`, name, annotation)
	}
	const set = "object.metadata.name"
	stays := fmt.Sprintf(`!(%s) && !(%s)`, listed(fence.LeavingAnnotation, fmt.Sprintf("%q", fence.All)), listed(fence.LeavingAnnotation, set))
	if mode == fence.Fenced {
		stays += fmt.Sprintf(` && (namespaceObject.metadata.labels[%q] == %q || %s)`, fence.Label, fence.Ordinal, listed(fence.SetsAnnotation, set))
	}
	return stays
}

// mutation is one patch, so that it is made as a whole or not at all. What is refused gets
// volumes for all that is mounted, so that the API server's own validation has nothing to say
// before the refusal.
var mutation = fmt.Sprintf(`!variables.ours ? [] :
(has(object.metadata.annotations) ? [] : [JSONPatch{op: "add", path: "/metadata/annotations", value: {}}]) +
(variables.new == variables.old ? [JSONPatch{op: "remove", path: %[1]s}] :
 (variables.refusals.size() == 0 ? [JSONPatch{op: "add", path: %[1]s, value: variables.record}] :
   [JSONPatch{op: "add", path: %[2]s, value: variables.refusals.join("; ")}] +
   (has(object.spec.template.spec.volumes) ? [] : [JSONPatch{op: "add", path: "/spec/template/spec/volumes", value: []}]) +
   variables.unseen.map(name, JSONPatch{op: "add", path: "/spec/template/spec/volumes/-", value: Object.spec.template.spec.volumes{
     name: name, emptyDir: Object.spec.template.spec.volumes.emptyDir{}}})) +
 (variables.old.size() == 0 ? [JSONPatch{op: "remove", path: "/spec/volumeClaimTemplates"}] :
   [JSONPatch{op: "add", path: "/spec/volumeClaimTemplates", value: []}] +
   variables.old.map(t, JSONPatch{op: "add", path: "/spec/volumeClaimTemplates/-", value: %[3]s})))`,
	annotationPath(claimtemplates.Annotation), annotationPath(refusedAnnotation), template)

// template is t as JSON. No function renders what is in an object: fields of an object
// literal are rendered, unless they hold a null, as the API server has it for a missing
// apiGroup; a list of such literals has the API server of 1.36 panic. If there is a field that
// this does not know, the template that is put back is another one, and the API server's own
// validation refuses it.
const template = `Object.spec.volumeClaimTemplates{
  ?apiVersion: t.?apiVersion, ?kind: t.?kind, metadata: t.metadata, ?status: t.?status,
  spec: Object.spec.volumeClaimTemplates.spec{
    ?accessModes: t.spec.?accessModes, ?resources: t.spec.?resources, ?selector: t.spec.?selector,
    ?storageClassName: t.spec.?storageClassName, ?volumeMode: t.spec.?volumeMode, ?volumeName: t.spec.?volumeName,
    ?volumeAttributesClassName: t.spec.?volumeAttributesClassName,
    ?dataSource: t.spec.?dataSource.optMap(d, d.transformMap(k, v, v != null, v)),
    ?dataSourceRef: t.spec.?dataSourceRef.optMap(d, d.transformMap(k, v, v != null, v))}}`

func annotationPath(key string) string {
	return fmt.Sprintf(`"/metadata/annotations/" + jsonpatch.escapeKey(%q)`, key)
}
