package fence

import (
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

const (
	// Name is that of the policy and of its binding.
	Name = "fence.ordinal.dev"
	// Account is whom the in-tree StatefulSet controller acts as, in every cluster whose
	// kube-controller-manager runs with --use-service-account-credentials.
	Account = "system:serviceaccount:" + AccountNamespace + ":" + AccountName
	// AccountNamespace and AccountName are the parts of Account.
	AccountNamespace, AccountName = "kube-system", "statefulset-controller"
)

// variables of the policy, in their order: each may use those before it. What a write is
// about is told by the object as it was and as it is to be, of which one may be missing.
var variables = []admissionv1.Variable{
	{Name: "whole", Expression: `namespaceObject.metadata.labels["` + Label + `"] == "` + Ordinal + `"`},
	{Name: "sets", Expression: listIn(SetsAnnotation)},
	{Name: "claims", Expression: listIn(ClaimsAnnotation)},
	{Name: "both", Expression: `[dyn(object), dyn(oldObject)].filter(o, o != null)`},
	{Name: "names", Expression: `variables.both.map(o, o.metadata.name)`},
	{Name: "owners", Expression: `variables.both.map(o, has(o.metadata.ownerReferences) ? ` +
		`o.metadata.ownerReferences.filter(r, r.kind == "StatefulSet").map(r, r.name) : [])`},
	{Name: "subjects", Expression: `variables.both.map(o, ` +
		`has(o.involvedObject) ? o.involvedObject.name : has(o.regarding) ? o.regarding.name : "")`},
	{Name: "kind", Expression: `request.resource.resource`},
	{Name: "listed", Expression: `variables.kind == "statefulsets" ? variables.names.exists(n, n in variables.sets) : ` +
		`variables.kind == "persistentvolumeclaims" ? variables.names.exists(n, n.contains("-") && n.substring(0, n.lastIndexOf("-")) in variables.claims) : ` +
		`variables.kind == "events" ? variables.subjects.exists(n, n in variables.sets) : ` +
		`variables.owners.exists(names, names.exists(n, n in variables.sets))`},
}

// listIn is the expression of the list that an annotation of the namespace holds.
func listIn(annotation string) string {
	return fmt.Sprintf(`has(namespaceObject.metadata.annotations) && %q in namespaceObject.metadata.annotations ? `+
		`namespaceObject.metadata.annotations[%q].split(",") : []`, annotation, annotation)
}

// Policy denies what the in-tree controller writes. Its role lets it write pods, claims,
// revisions, the status of sets, and events, and nothing else.
func Policy() *admissionv1.ValidatingAdmissionPolicy {
	return &admissionv1.ValidatingAdmissionPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "ValidatingAdmissionPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: Name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: ptr.To(admissionv1.Fail),
			MatchConstraints: matching(
				rule("", "pods", "persistentvolumeclaims", "events"),
				rule("apps", "controllerrevisions", "statefulsets/status"),
				rule("events.k8s.io", "events"),
			),
			MatchConditions: []admissionv1.MatchCondition{{
				Name: "the-in-tree-controller", Expression: fmt.Sprintf("request.userInfo.username == %q", Account),
			}},
			Variables: variables,
			Validations: []admissionv1.Validation{{
				Expression: "!(variables.whole || variables.listed)",
				Message:    denial,
				Reason:     ptr.To(metav1.StatusReasonForbidden),
			}},
		},
	}
}

// Binding puts the policy in force in the namespaces that are Ordinal's, whole or in part.
func Binding() *admissionv1.ValidatingAdmissionPolicyBinding {
	in := matching()
	in.NamespaceSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
		Key: Label, Operator: metav1.LabelSelectorOpIn, Values: []string{Ordinal, OrdinalSets},
	}}}
	return &admissionv1.ValidatingAdmissionPolicyBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "ValidatingAdmissionPolicyBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: Name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        Name,
			MatchResources:    in,
			ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}
}

// matching are the rules with what the API server adds by default.
func matching(rules ...admissionv1.NamedRuleWithOperations) *admissionv1.MatchResources {
	return &admissionv1.MatchResources{
		NamespaceSelector: &metav1.LabelSelector{},
		ObjectSelector:    &metav1.LabelSelector{},
		MatchPolicy:       ptr.To(admissionv1.Equivalent),
		ResourceRules:     rules,
	}
}

func rule(group string, resources ...string) admissionv1.NamedRuleWithOperations {
	return admissionv1.NamedRuleWithOperations{RuleWithOperations: admissionv1.RuleWithOperations{
		Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update, admissionv1.Delete},
		Rule: admissionv1.Rule{
			APIGroups: []string{group}, APIVersions: []string{"*"}, Resources: resources,
			Scope: ptr.To(admissionv1.AllScopes),
		},
	}}
}
