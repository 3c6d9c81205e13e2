package integration

import (
	"context"
	"fmt"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// keptOut labels the namespaces in which only the test writes, and what the
// simulated server has too: the garbage collector, the protection of claims and the
// deletion of namespaces.
const keptOut = "ordinal.dev/controllers-kept-out"

// keepControllersOut has the API server refuse what any other controller, ours
// included, writes in such namespaces.
func keepControllersOut(t *testing.T) {
	t.Helper()
	keepingOut.Do(func() { denyWrites(t) })
}

var keepingOut sync.Once

func denyWrites(t *testing.T) {
	t.Helper()
	name := "fidelity"
	writes := []admissionv1.OperationType{admissionv1.Create, admissionv1.Update, admissionv1.Delete}
	rule := func(group string, resources ...string) admissionv1.NamedRuleWithOperations {
		return admissionv1.NamedRuleWithOperations{RuleWithOperations: admissionv1.RuleWithOperations{
			Operations: writes, Rule: admissionv1.Rule{APIGroups: []string{group}, APIVersions: []string{"v1"}, Resources: resources},
		}}
	}
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: keptOut, Operator: metav1.LabelSelectorOpExists}}},
				ResourceRules: []admissionv1.NamedRuleWithOperations{
					rule("apps", "statefulsets", "statefulsets/*", "controllerrevisions"),
					rule("", "pods", "pods/*", "persistentvolumeclaims", "persistentvolumeclaims/*", "services", "services/*"),
				},
			},
			Validations: []admissionv1.Validation{{
				Expression: `request.userInfo.username == "ordinal:admin" || request.userInfo.username in ["generic-garbage-collector", "pvc-protection-controller", "namespace-controller"].map(n, "system:serviceaccount:kube-system:" + n)`,
				Message:    "this namespace is the test's alone",
			}},
		},
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       admissionv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny}},
	}
	api := admin.AdmissionregistrationV1()
	if _, err := api.ValidatingAdmissionPolicies().Create(t.Context(), policy, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := api.ValidatingAdmissionPolicyBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	awaitPolicy(t)
}

// awaitPolicy waits until our own controller is refused.
func awaitPolicy(t *testing.T) {
	t.Helper()
	config := rest.CopyConfig(adminConfig)
	config.Impersonate.UserName = "ordinal:controller"
	controller, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	namespace := quietNamespace(t, map[string]string{keptOut: ""})
	revision := &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Name: "probe"}, Data: runtime.RawExtension{Raw: []byte("{}")}}
	refused := func() bool {
		_, err := controller.AppsV1().ControllerRevisions(namespace).Create(t.Context(), revision, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err != nil
	}
	if !pollUntil(t.Context(), settleTime, refused) {
		t.Fatal("the policy that keeps the controllers out is not obeyed")
	}
}

// quietNamespace makes a namespace, and waits for the service account that pods
// need.
func quietNamespace(t *testing.T, labels map[string]string) string {
	t.Helper()
	namespace, err := admin.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "fidelity-", Labels: labels}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	usable := func() bool {
		_, err := admin.CoreV1().ServiceAccounts(namespace.Name).Get(t.Context(), "default", metav1.GetOptions{})
		return err == nil
	}
	if !pollUntil(t.Context(), settleTime, usable) {
		t.Fatalf("namespace %s got no service account", namespace.Name)
	}
	return namespace.Name
}

// barrier waits for the real garbage collector, which hears of each kind for
// itself: an object of each kind, whose owner has never been there, is deleted only
// after all that was written before it has been heard of.
type barrier struct {
	*testing.T
	server    *realServer
	namespace string
	passed    int
}

func newBarrier(t *testing.T, server *realServer) *barrier {
	return &barrier{T: t, server: server, namespace: quietNamespace(t, nil)}
}

func (b *barrier) pass() {
	b.Helper()
	b.passed++
	gone := metav1.OwnerReference{APIVersion: "v1", Kind: "Pod", Name: "nobody", UID: "00000000-0000-0000-0000-000000000000"}
	var canaries []client.Object
	for _, k := range everyKind[1:] { // a set is nobody's dependent
		o := newObject(target{k, fmt.Sprintf("canary-%d", b.passed)}, b.namespace)
		o.SetOwnerReferences([]metav1.OwnerReference{gone})
		if err := b.server.Create(o); err != nil {
			b.Fatal(err)
		}
		canaries = append(canaries, o)
	}
	for _, o := range canaries {
		deleted := func() bool { return apierrors.IsNotFound(b.server.Get(o)) }
		if !pollUntil(context.WithoutCancel(b.Context()), settleTime, deleted) {
			b.Fatalf("the garbage collector does not delete %s", nameOf(o))
		}
	}
}

// podSpec leaves nothing for the server to add: what it adds there, no controller
// of sets reads.
func podSpec() corev1.PodSpec {
	evicted := func(key string) corev1.Toleration {
		return corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To[int64](300)}
	}
	return corev1.PodSpec{
		SchedulerName: "nobody", RestartPolicy: corev1.RestartPolicyAlways, DNSPolicy: corev1.DNSClusterFirst, SecurityContext: &corev1.PodSecurityContext{},
		ServiceAccountName: "default", DeprecatedServiceAccount: "default", AutomountServiceAccountToken: ptr.To(false), EnableServiceLinks: ptr.To(true),
		Priority: ptr.To[int32](0), PreemptionPolicy: ptr.To(corev1.PreemptLowerPriority),
		Tolerations: []corev1.Toleration{evicted(corev1.TaintNodeNotReady), evicted(corev1.TaintNodeUnreachable)},
		Containers: []corev1.Container{{
			Name: "app", Image: "app:1", ImagePullPolicy: corev1.PullIfNotPresent,
			TerminationMessagePath: corev1.TerminationMessagePathDefault, TerminationMessagePolicy: corev1.TerminationMessageReadFile,
		}},
	}
}
