package integration

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/kubectl/pkg/cmd/util"
	"k8s.io/kubectl/pkg/polymorphichelpers"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/cluster/simnode"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/plugin"
)

// These tests are about what becomes of a set that has a policy.

func TestAPausedRollOutTouchesNoPodUntilItIsResumed(t *testing.T) {
	w := newScene(t)
	w.create(web())
	policy := w.ruled(`rollout: {paused: true}`)
	w.Eventually(w.Ready("web", 3))
	w.Forget()

	w.change(image("web:2"))
	w.Eventually(w.condition("Progressing", corev1.ConditionUnknown, "Paused"))
	w.soon(w.policyIs(policy, "Paused"))

	t.Log("a pod that is lost comes back as it was, and scaling goes on")
	w.deletePod("web-1")
	w.Happens("web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready")
	w.scale(4)
	w.Happens("web-3 created", "web-3 ready")
	w.Eventually(w.images("web:1", "web:1", "web:1", "web:1"))
	w.scale(2)
	w.Happens("web-3 stopping", "web-3 gone", "web-2 stopping", "web-2 gone")

	w.rule(policy, `{"spec":{"rollout":{"paused":false}}}`)
	w.Happens("web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready",
		"web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready")
	w.Eventually(w.Ready("web", 2))
	w.Eventually(w.images("web:2", "web:2"))
	w.soon(w.policyIs(policy, "Idle"))
	w.NothingElseHappened()
}

func TestARollOutWithoutItsPolicyGoesOn(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2)))
	policy := w.ruled(`rollout: {paused: true}`)
	w.Eventually(w.Ready("web", 2))
	w.change(image("web:2"))
	w.soon(w.policyIs(policy, "Paused"))
	w.Must(w.policies().Delete(w.Ctx, policy, metav1.DeleteOptions{}))
	w.Eventually(w.images("web:2", "web:2"))
	w.Eventually(w.Ready("web", 2))
}

func TestAFailedRollOutIsHeldUntilItsMarkIsRemoved(t *testing.T) {
	w := newScene(t)
	w.create(web())
	policy := w.ruled(`rollout: {progressDeadlineSeconds: 3}`)
	w.Eventually(w.Ready("web", 3))
	w.Forget()

	w.change(image("web:2"), simulated(simnode.StateNotReady))
	w.Happens("web-2 stopping", "web-2 gone", "web-2 created")
	w.Eventually(w.condition("Progressing", corev1.ConditionFalse, "ProgressDeadlineExceeded", "web-2"))
	w.Eventually(w.condition("Stalled", corev1.ConditionTrue, "ProgressDeadlineExceeded"))
	w.soon(w.policyIs(policy, "Held"))

	t.Log("that its pod becomes ready after all is no new start")
	w.simulate("web-2", simnode.StateReady)
	w.Happens("web-2 ready")
	w.NothingElseHappened()

	w.unmark()
	w.Happens("web-1 stopping", "web-1 gone", "web-1 created")
	w.Eventually(w.condition("Stalled", corev1.ConditionTrue, "ProgressDeadlineExceeded", "web-1"))
	w.NothingElseHappened()
}

func TestAFailedRollOutEndsWithKubectlRolloutUndo(t *testing.T) {
	w := newScene(t)
	w.create(web())
	policy := w.ruled(`rollout: {progressDeadlineSeconds: 3}`)
	w.Eventually(w.Ready("web", 3))
	w.Forget()
	w.change(image("web:bad"), simulated(simnode.StateImagePullBackOff))
	w.Happens("web-2 stopping", "web-2 gone", "web-2 created")
	w.soon(w.policyIs(policy, "Held"))

	w.undo()
	w.Happens("web-2 stopping", "web-2 gone", "web-2 created", "web-2 ready")
	w.Eventually(w.Ready("web", 3))
	w.Eventually(w.isStalled("web", false))
	w.soon(w.policyIs(policy, "Idle"))
	w.NothingElseHappened()
}

func TestAFailedRollOutGoesBackByItself(t *testing.T) {
	w := newScene(t)
	w.create(web())
	policy := w.ruled(`rollout: {progressDeadlineSeconds: 3, onFailure: Revert}`)
	w.Eventually(w.Ready("web", 3))
	w.Forget()

	w.change(image("web:bad"), simulated(simnode.StateNotReady))
	w.Happens("web-2 stopping", "web-2 gone", "web-2 created",
		"web-2 stopping", "web-2 gone", "web-2 created", "web-2 ready")
	w.soon(w.policyIs(policy, "Reverted"))
	w.Eventually(w.images("web:1", "web:1", "web:1"))
	w.Eventually(w.condition("Stalled", corev1.ConditionTrue, "ProgressDeadlineExceeded", "all pods are at"))
	w.Eventually(w.rolloutStatus(false, "Waiting for"))
	w.NothingElseHappened()

	w.change(image("web:3"), simulated(simnode.StateReady))
	w.Eventually(w.images("web:3", "web:3", "web:3"))
	w.Eventually(w.Ready("web", 3))
	w.Eventually(w.isStalled("web", false))
	w.soon(w.policyIs(policy, "Idle"))
}

func TestALeaderInTheMiddleGoesLast(t *testing.T) {
	w := newScene(t)
	w.create(web())
	w.ruled(`{role: {label: role}, rollout: {last: [primary]}}`)
	w.Eventually(w.Ready("web", 3))
	w.label("web-1", "role", "primary")
	w.Forget()

	w.change(image("web:2"))
	w.Happens("web-2 stopping", "web-2 gone", "web-2 created", "web-2 ready",
		"web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready",
		"web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready")
	w.Eventually(w.Ready("web", 3))
	w.NothingElseHappened()
}

func TestALeaderThatMovesToThePodThatWasNextGoesLastThere(t *testing.T) {
	w := newScene(t)
	w.create(web(stubborn))
	w.ruled(`{role: {label: role}, rollout: {last: [primary]}}`)
	w.Eventually(w.Ready("web", 3))
	w.label("web-0", "role", "primary")
	w.Forget()

	w.change(image("web:2"))
	w.Happens("web-2 stopping")
	w.label("web-0", "role", "replica")
	w.label("web-1", "role", "primary")
	for _, pod := range []string{"web-2", "web-0", "web-1"} {
		w.letGo(pod)
		w.Eventually(w.runs(pod, "web:2"))
	}
	w.Happens("web-2 gone", "web-2 created", "web-2 ready",
		"web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready",
		"web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready")
	w.NothingElseHappened()
}

func TestACanaryIsLookedAtForItsTime(t *testing.T) {
	w := newScene(t)
	w.create(web())
	policy := w.ruled(`rollout: {canary: {pods: 1, holdSeconds: 4}}`)
	w.Eventually(w.Ready("web", 3))
	w.Forget()

	w.change(image("web:2"))
	w.Eventually(w.condition("Progressing", corev1.ConditionUnknown, "CanaryHold", "the canary of 1 pod"))
	w.soon(w.policyIs(policy, "Waiting"))
	w.Happens("web-2 stopping", "web-2 gone", "web-2 created", "web-2 ready",
		"web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready",
		"web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready")
	w.Eventually(w.Ready("web", 3))
	if gap := w.Pod("web-1").CreationTimestamp.Sub(readySince(w.Pod("web-2"))); gap < 4*time.Second {
		t.Errorf("web-1 came %s after the canary was ready", gap)
	}
}

func TestACanaryWaitsUntilItIsApproved(t *testing.T) {
	w := newScene(t)
	w.create(web())
	policy := w.ruled(`rollout: {canary: {pods: 1, until: Approved}}`)
	w.Eventually(w.Ready("web", 3))
	w.Forget()

	w.change(image("web:2"))
	w.Happens("web-2 stopping", "web-2 gone", "web-2 created", "web-2 ready")
	w.Eventually(w.condition("Progressing", corev1.ConditionUnknown, "CanaryAwaitsApproval", "kubectl ordinal approve sts/web"))
	w.soon(w.policyIs(policy, "Waiting"))
	w.NothingElseHappened()

	w.Must(w.ordinal("is approved", "approve", "sts/web"))
	w.Happens("web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready",
		"web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready")
	w.Eventually(w.Ready("web", 3))
	w.NothingElseHappened()
}

// ruled makes a policy for the set web, waits until the controller goes by it, and returns
// its name.
func (w *scene) ruled(spec string) string {
	w.Helper()
	made, err := w.policies().Create(w.Ctx, w.policy(spec), metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	w.Must(err)
	w.soon(w.observed(made))
	return made.GetName()
}

// rule changes a policy, and waits until the controller goes by that.
func (w *scene) rule(policy, patch string) {
	w.Helper()
	changed, err := w.policies().Patch(w.Ctx, policy, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	w.Must(err)
	w.soon(w.observed(changed))
}

// observed objects until a policy's status is about this generation of it.
func (w *scene) observed(policy *unstructured.Unstructured) func() error {
	return func() error {
		if got := w.policyStatus(policy.GetName()).ObservedGeneration; got < policy.GetGeneration() {
			return fmt.Errorf("of policy %s generation %d is observed, not %d", policy.GetName(), got, policy.GetGeneration())
		}
		return nil
	}
}

func (w *scene) policyStatus(name string) v1alpha1.StatefulSetPolicyStatus {
	w.Helper()
	found, err := w.policies().Get(w.Ctx, name, metav1.GetOptions{})
	w.Must(err)
	policy := &v1alpha1.StatefulSetPolicy{}
	w.Must(runtime.DefaultUnstructuredConverter.FromUnstructured(found.Object, policy))
	return policy.Status
}

// policyIs objects unless a policy's status has this state, and all the words in its reason.
func (w *scene) policyIs(name, state string, words ...string) func() error {
	return func() error {
		status := w.policyStatus(name)
		missing := slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(status.Reason, word) })
		if status.State != state || missing {
			return fmt.Errorf("policy %s is %s: %s; it is to be %s with %q", name, status.State, status.Reason, state, words)
		}
		return nil
	}
}

// unmark removes the mark from the revision that has failed.
func (w *scene) unmark() {
	w.Helper()
	revisions := w.Client.AppsV1().ControllerRevisions(w.Namespace)
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:null}}}`, plan.FailedAnnotation)
	_, err := revisions.Patch(w.Ctx, w.Set("web").Status.UpdateRevision, types.MergePatchType, patch, metav1.PatchOptions{})
	w.Must(err)
}

// undo does what kubectl rollout undo does.
func (w *scene) undo() {
	w.Helper()
	rollbacker, err := polymorphichelpers.RollbackerFor(setKind, w.Client)
	w.Must(err)
	const previous = 0
	_, err = rollbacker.Rollback(w.Set("web"), nil, previous, util.DryRunNone)
	w.Must(err)
}

// ordinal runs a command of kubectl ordinal, and objects unless it says this.
func (w *scene) ordinal(says string, args ...string) error {
	w.Helper()
	var out, errs bytes.Buffer
	args = append(args, "--kubeconfig", w.kubeconfig(), "--namespace", w.Namespace)
	if code := plugin.Run(w.Ctx, args, nil, &out, &errs); code != 0 {
		return fmt.Errorf("kubectl ordinal %v ended with %d: %s", args, code, errs.String())
	}
	return printed(&out, says)
}

// kubeconfig is a file by which a program reaches the cluster.
func (w *scene) kubeconfig() string {
	w.Helper()
	config := api.NewConfig()
	config.Clusters["test"] = &api.Cluster{
		Server: adminConfig.Host, CertificateAuthority: adminConfig.CAFile, CertificateAuthorityData: adminConfig.CAData,
	}
	config.AuthInfos["admin"] = &api.AuthInfo{
		ClientCertificate: adminConfig.CertFile, ClientCertificateData: adminConfig.CertData,
		ClientKey: adminConfig.KeyFile, ClientKeyData: adminConfig.KeyData, Token: adminConfig.BearerToken,
	}
	config.Contexts["test"] = &api.Context{Cluster: "test", AuthInfo: "admin"}
	config.CurrentContext = "test"
	path := filepath.Join(w.TempDir(), "kubeconfig")
	w.Must(clientcmd.WriteToFile(*config, path))
	return path
}

// readySince is when a pod became ready.
func readySince(pod *corev1.Pod) time.Time {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}
