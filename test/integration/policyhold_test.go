package integration

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/api/v1alpha1/crd"
	"ordinal.dev/ordinal/internal/cluster/simnode"
	"ordinal.dev/ordinal/test/world"
)

// These tests are about budgets and hooks that hold a roll-out, and about which policy counts.

func TestABudgetThatAllowsNothingHoldsTheRollOutAndIsNamed(t *testing.T) {
	w := newScene(t)
	w.create(web())
	w.ruled(`rollout: {disruption: Evict}`)
	w.budget(0, policyv1.IfHealthyBudget)
	w.Eventually(w.Ready("web", 3))
	w.Forget()

	w.change(image("web:2"))
	w.Eventually(w.condition("Progressing", corev1.ConditionTrue, "InProgress", "web-2 cannot be evicted", "guard"))
	w.NothingElseHappened()

	w.allow(1)
	w.Happens("web-2 stopping", "web-2 gone", "web-2 created", "web-2 ready",
		"web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready",
		"web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready")
	w.Eventually(w.Ready("web", 3))
	w.NothingElseHappened()
}

func TestAPodThatIsNotAvailableGoesWhateverABudgetSays(t *testing.T) {
	for _, unhealthy := range []policyv1.UnhealthyPodEvictionPolicyType{policyv1.IfHealthyBudget, policyv1.AlwaysAllow} {
		t.Run(string(unhealthy), func(t *testing.T) {
			w := newScene(t)
			w.create(web(parallel))
			w.ruled(`rollout: {disruption: Evict}`)
			w.budget(0, unhealthy)
			w.Eventually(w.Ready("web", 3))
			w.Forget()
			w.simulate("web-1", simnode.StateNotReady)
			w.Happens("web-1 unready")

			w.change(image("web:2"))
			w.Happens("web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready")
			w.Eventually(w.condition("Progressing", corev1.ConditionTrue, "InProgress", "web-2 cannot be evicted", "guard"))
			w.Eventually(w.images("web:1", "web:2", "web:1"))
			w.NothingElseHappened()
		})
	}
}

// Simulated pods run no containers, so a command fails in them.
func TestAPodThatIsNeverInSyncStallsTheRollOut(t *testing.T) {
	w := newScene(t)
	w.create(web())
	w.ruled(`rollout: {inSync: {exec: {command: [in-sync]}, timeoutSeconds: 3}}`)
	w.Eventually(w.Ready("web", 3))
	w.Forget()

	w.change(image("web:2"))
	w.Happens("web-2 stopping", "web-2 gone", "web-2 created", "web-2 ready")
	w.Eventually(w.condition("Progressing", corev1.ConditionFalse, "NotInSync", "web-2 has not been in sync for 3s"))
	w.Eventually(w.condition("Stalled", corev1.ConditionTrue, "NotInSync"))
	w.NothingElseHappened()

	t.Log("without the hook it goes on")
	w.Must(w.policies().DeleteCollection(w.Ctx, metav1.DeleteOptions{}, metav1.ListOptions{}))
	w.Eventually(w.Ready("web", 3))
	w.Eventually(w.isStalled("web", false))
}

func TestAPodThatIsNeverInSyncIsPassedOverWhenThePolicySaysSo(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2)))
	w.ruled(`rollout: {inSync: {exec: {command: [in-sync]}, timeoutSeconds: 2, onFailure: Continue}}`)
	w.Eventually(w.Ready("web", 2))
	w.Forget()

	w.change(image("web:2"))
	w.Happens("web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready",
		"web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready")
	w.Eventually(w.Ready("web", 2))
	if gap := w.Pod("web-0").CreationTimestamp.Sub(readySince(w.Pod("web-1"))); gap.Seconds() < 2 {
		t.Errorf("web-0 was replaced %s after web-1 was ready, before its time was over", gap)
	}
}

func TestTheYoungerOfTwoPoliciesHasNoEffect(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2)))
	w.Eventually(w.Ready("web", 2))
	w.policyNamed("a-older", ``)
	w.soon(w.policyIs("a-older", "Idle"))
	w.policyNamed("b-younger", `rollout: {paused: true}`)
	w.soon(w.policyIs("b-younger", "Conflicting", "a-older"))

	w.change(image("web:2"))
	w.Eventually(w.images("web:2", "web:2"))
	w.Eventually(w.Ready("web", 2))

	t.Log("when the older is gone, the younger counts")
	w.Must(w.policies().Delete(w.Ctx, "a-older", metav1.DeleteOptions{}))
	w.soon(w.policyIs("b-younger", "Idle"))
	w.change(image("web:3"))
	w.soon(w.policyIs("b-younger", "Paused"))
	w.Must(w.images("web:2", "web:2")())
}

func TestAPolicyCountsFromWhenItsTargetIsThere(t *testing.T) {
	w := newScene(t)
	w.policyNamed("early", `rollout: {paused: true}`)
	w.soon(w.policyIs("early", "NoTarget", "there is no StatefulSet web"))
	w.create(web(replicas(2)))
	w.soon(w.policyIs("early", "Idle"))
	w.Eventually(w.Ready("web", 2))
	w.change(image("web:2"))
	w.soon(w.policyIs("early", "Paused"))
	w.Must(w.images("web:1", "web:1")())

	t.Log("and it is without effect again when that is gone")
	w.deleteSet(metav1.DeletePropagationForeground)
	w.soon(w.policyIs("early", "NoTarget"))
}

// It is not beside other tests, whose policies would go.
func TestTheDefinitionOfPoliciesGoesAndComesBackWhileTheControllerRuns(t *testing.T) {
	w := &scene{world.New(t, admin)}
	t.Cleanup(func() {
		w.Ctx = context.Background() // the test's own has ended
		w.define()
	})
	w.create(web(replicas(2)))
	policy := w.ruled(`rollout: {paused: true}`)
	w.Eventually(w.Ready("web", 2))
	w.change(image("web:2"))
	w.soon(w.policyIs(policy, "Paused"))

	w.undefine()
	w.Eventually(w.images("web:2", "web:2"))
	w.Eventually(w.Ready("web", 2))

	w.define()
	policy = w.ruled(`rollout: {paused: true}`)
	w.change(image("web:3"))
	w.soon(w.policyIs(policy, "Paused"))
	w.Must(w.images("web:2", "web:2")())
}

// undefine deletes the definition of policies, and with it every policy.
func (w *scene) undefine() {
	w.Helper()
	definitions, wanted := w.definition()
	w.Must(definitions.ApiextensionsV1().CustomResourceDefinitions().Delete(w.Ctx, wanted.Name, metav1.DeleteOptions{}))
	w.soon(func() error {
		_, err := definitions.ApiextensionsV1().CustomResourceDefinitions().Get(w.Ctx, wanted.Name, metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("the definition is still there: %v", err)
		}
		return nil
	})
}

// define has policies be defined as at the start.
func (w *scene) define() {
	w.Helper()
	definitions, wanted := w.definition()
	_, err := definitions.ApiextensionsV1().CustomResourceDefinitions().Create(w.Ctx, wanted, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		w.Must(err)
	}
	w.soon(func() error {
		found, err := definitions.ApiextensionsV1().CustomResourceDefinitions().Get(w.Ctx, wanted.Name, metav1.GetOptions{})
		if err == nil && !apihelpers.IsCRDConditionTrue(found, apiextensionsv1.Established) {
			err = fmt.Errorf("the definition is not established")
		}
		return err
	})
}

func (w *scene) definition() (apiextensions.Interface, *apiextensionsv1.CustomResourceDefinition) {
	w.Helper()
	client, err := apiextensions.NewForConfig(adminConfig)
	w.Must(err)
	wanted := &apiextensionsv1.CustomResourceDefinition{}
	w.Must(yaml.UnmarshalStrict(crd.StatefulSetPolicies, wanted))
	return client, wanted
}

// budget makes a PodDisruptionBudget for the pods of the set web.
func (w *scene) budget(maxUnavailable int32, unhealthy policyv1.UnhealthyPodEvictionPolicyType) {
	w.Helper()
	most := intstr.FromInt32(maxUnavailable)
	_, err := w.Client.PolicyV1().PodDisruptionBudgets(w.Namespace).Create(w.Ctx, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "guard"},
		Spec: policyv1.PodDisruptionBudgetSpec{
			Selector: web().Spec.Selector, MaxUnavailable: &most, UnhealthyPodEvictionPolicy: &unhealthy,
		},
	}, metav1.CreateOptions{})
	w.Must(err)
}

// allow has the budget allow so many pods to be unavailable.
func (w *scene) allow(maxUnavailable int32) {
	w.Helper()
	patch := fmt.Appendf(nil, `{"spec":{"maxUnavailable":%d}}`, maxUnavailable)
	_, err := w.Client.PolicyV1().PodDisruptionBudgets(w.Namespace).Patch(w.Ctx, "guard", types.MergePatchType, patch, metav1.PatchOptions{})
	w.Must(err)
}

// policyNamed makes a policy of a name for the set web.
func (w *scene) policyNamed(name, spec string) {
	w.Helper()
	policy := w.policy(spec)
	policy.SetGenerateName("")
	policy.SetName(name)
	_, err := w.policies().Create(w.Ctx, policy, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	w.Must(err)
}
