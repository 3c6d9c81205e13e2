package integration

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/internal/override"
	"ordinal.dev/ordinal/test/world"
)

// These tests are about pods of which some are not like the others.

func TestAnOverrideRollsItsOrdinalsAndNoOthers(t *testing.T) {
	w := newScene(t)
	w.create(web())
	w.Eventually(w.Ready("web", 3))
	before := world.UIDs(w.Pods())
	w.Forget()

	policy := w.ruled(`members: {overrides: [{ordinals: ["1"], template: {spec: {containers: [{name: web, env: [{name: TIER, value: gold}]}]}}}]}`)
	w.Happens("web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready")
	w.Eventually(w.Ready("web", 3))
	w.Eventually(w.rolloutStatus(true, "complete"))
	w.Eventually(w.tiers("", "gold", ""))

	t.Log("another one, for two of them, goes from the highest")
	w.rule(policy, `{"spec":{"members":{"overrides":[{"ordinals":["0-1"],"template":{"spec":{"containers":[{"name":"web","env":[{"name":"TIER","value":"silver"}]}]}}}]}}}`)
	w.Happens("web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready", "web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready")
	w.Eventually(w.tiers("silver", "silver", ""))

	t.Log("a new template comes with it")
	w.change(image("web:2"))
	w.Eventually(w.images("web:2", "web:2", "web:2"))
	w.Eventually(w.Ready("web", 3))
	w.Eventually(w.tiers("silver", "silver", ""))
	w.Forget()
	untouched := world.UIDs(w.Pods())["web-2"]

	t.Log("and without the policy it goes")
	w.Must(w.policies().Delete(w.Ctx, policy, metav1.DeleteOptions{}))
	w.Happens("web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready", "web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready")
	w.Eventually(w.tiers("", "", ""))
	w.Eventually(w.rolloutStatus(true, "complete"))
	if after := world.UIDs(w.Pods()); after["web-2"] != untouched || maps.Equal(after, before) {
		t.Errorf("pods are %v, and were %v before", after, before)
	}
	w.NothingElseHappened()
}

func TestAnOverrideThatTheAPIServerRefusesStopsNobody(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2)))
	w.Eventually(w.Ready("web", 2))
	before := world.UIDs(w.Pods())
	w.Forget()

	policy := w.ruled(`members: {overrides: [{ordinals: ["0"], template: {spec: {nodeSelector: {disk: "no label's value"}}}}, {ordinals: ["2"], template: {spec: {priorityClassName: nobody-made-it}}}]}`)
	w.Eventually(w.condition("Stalled", corev1.ConditionTrue, "OverrideRefused", "web-0", "overrides[0]"))
	w.Eventually(w.policySays(policy, "overrides[0]", "spec.nodeSelector"))
	w.Eventually(w.rolloutStatus(false, "1 out of 2 new pods have been updated"))
	w.samePods(before)

	t.Log("a pod that is new comes without, and so do those after it")
	w.scale(4)
	w.Happens("web-2 created", "web-2 ready", "web-3 created", "web-3 ready")
	w.Eventually(w.policySays(policy, "web-2", "overrides[1]", "no PriorityClass with name nobody-made-it"))
	if pod := w.Pod("web-2"); override.HashOn(pod) != "" || pod.Spec.PriorityClassName != "" {
		t.Errorf("web-2 has the labels %v and the priority class %q", pod.Labels, pod.Spec.PriorityClassName)
	}
	if len(w.eventsWithReason("OverrideRefused")) == 0 {
		t.Error("no event tells of it")
	}

	t.Log("a new template comes to all of them, and then what is mended")
	w.change(image("web:2"))
	for _, pod := range []string{"web-3", "web-2", "web-1", "web-0"} {
		w.Happens(pod+" stopping", pod+" gone", pod+" created", pod+" ready")
	}
	w.rule(policy, `{"spec":{"members":{"overrides":[{"ordinals":["2"],"template":{"metadata":{"labels":{"tier":"gold"}}}}]}}}`)
	w.Happens("web-2 stopping", "web-2 gone", "web-2 created", "web-2 ready")
	w.Eventually(w.isStalled("web", false))
	w.Eventually(w.rolloutStatus(true, "complete"))
	w.NothingElseHappened()
}

func TestAnOverrideIsMadeInPlace(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2)))
	policy := w.ruled(`{rollout: {inPlace: {mode: IfPossible}}, members: {overrides: [{ordinals: ["0"], template: {metadata: {labels: {tier: gold}}}}]}}`)
	w.Eventually(w.Ready("web", 2))
	before, ran := world.UIDs(w.Pods()), w.containers()
	w.Forget()

	w.rule(policy, `{"spec":{"members":{"overrides":[{"ordinals":["0"],"template":{"metadata":{"annotations":{"note":"x"}},"spec":{"containers":[{"name":"web","image":"web:special"}]}}}]}}}`)
	w.Happens("web-0 unready", "web-0 ready")
	w.Eventually(w.images("web:special", "web:1"))
	w.Eventually(w.Ready("web", 2))
	w.samePods(before)
	if pod := w.Pod("web-0"); pod.Labels["tier"] != "" || pod.Annotations["note"] != "x" {
		t.Errorf("web-0 has the labels %v and the annotations %v", pod.Labels, pod.Annotations)
	}

	t.Log("and back, with the policy's other part")
	w.rule(policy, `{"spec":{"members":null}}`)
	w.Happens("web-0 unready", "web-0 ready")
	w.Eventually(w.images("web:1", "web:1"))
	w.Eventually(w.Ready("web", 2))
	w.samePods(before)
	if now := w.containers(); now["web-1"] != ran["web-1"] || override.HashOn(w.Pod("web-0")) != "" {
		t.Errorf("web-1 runs %s, and ran %s; web-0 has the labels %v", now["web-1"], ran["web-1"], w.Pod("web-0").Labels)
	}
	w.NothingElseHappened()
}

func TestOnDeleteAPodHasItsOverrideWhenItIsDeleted(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2), func(s *appsv1.StatefulSet) { s.Spec.UpdateStrategy.Type = appsv1.OnDeleteStatefulSetStrategyType }))
	w.Eventually(w.Ready("web", 2))
	w.ruled(`members: {overrides: [{ordinals: ["0"], template: {spec: {containers: [{name: web, env: [{name: TIER, value: gold}]}]}}}]}`)
	w.Eventually(w.tiers("", ""))
	w.deletePod("web-0")
	w.Eventually(w.tiers("gold", ""))
	w.Eventually(w.Ready("web", 2))
}

func TestTheExampleOfMembersHasAWitness(t *testing.T) {
	w := newScene(t)
	manifest, err := os.ReadFile("../../examples/members.yaml")
	w.Must(err)
	set, policy, _ := strings.Cut(string(manifest), "\n---\n")
	ruled, voters := &unstructured.Unstructured{}, &appsv1.StatefulSet{}
	w.Must(yaml.UnmarshalStrict([]byte(policy), &ruled.Object))
	_, err = w.policies().Create(w.Ctx, ruled, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	w.Must(err)
	w.Must(yaml.UnmarshalStrict([]byte(set), voters))
	w.create(voters)
	w.Eventually(w.Ready("voters", 3))
	for ordinal, want := range []string{"data 64Mi", "data 64Mi", "witness 16Mi"} {
		pod := w.Pod(fmt.Sprintf("voters-%d", ordinal))
		if got := pod.Labels["tier"] + " " + pod.Spec.Containers[0].Resources.Requests.Memory().String(); got != want {
			t.Errorf("%s is %s, want %s", pod.Name, got, want)
		}
	}
}

// tiers objects until the pods have these values of the variable TIER.
func (w *scene) tiers(want ...string) func() error {
	return func() error {
		var got []string
		for _, pod := range w.Pods() {
			tier := ""
			for _, env := range pod.Spec.Containers[0].Env {
				tier += env.Value
			}
			got = append(got, tier)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("tiers are %q, want %q", got, want)
		}
		return nil
	}
}

// policySays objects until the policy's condition Unsupported has all these words.
func (w *scene) policySays(policy string, words ...string) func() error {
	return func() error {
		for _, c := range w.policyStatus(policy).Conditions {
			if c.Type != "Unsupported" {
				continue
			}
			for _, want := range words {
				if !strings.Contains(c.Message, want) {
					return fmt.Errorf("the policy says %q, and not %q", c.Message, want)
				}
			}
			return nil
		}
		return fmt.Errorf("the policy has nothing that is not supported")
	}
}
