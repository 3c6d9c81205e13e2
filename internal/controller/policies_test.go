package controller

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/controller/timing"
	"ordinal.dev/ordinal/internal/plan"
)

// policyOf is a policy for the set that [web] makes.
func policyOf(rollout v1alpha1.Rollout) *v1alpha1.StatefulSetPolicy {
	return &v1alpha1.StatefulSetPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "slow", Generation: 1},
		Spec:       v1alpha1.StatefulSetPolicySpec{TargetRef: v1alpha1.TargetRef{Name: "web"}, Rollout: &rollout},
	}
}

func (w *world) policy() *v1alpha1.StatefulSetPolicy {
	w.T.Helper()
	p := &v1alpha1.StatefulSetPolicy{}
	if err := w.API.Get(w.T.Context(), client.ObjectKey{Namespace: "default", Name: "slow"}, p); err != nil {
		w.T.Fatal(err)
	}
	return p
}

// newTemplate is another image for the set's pods.
func newTemplate(set *appsv1.StatefulSet) { set.Spec.Template.Spec.Containers[0].Image = "app:B" }

func TestAPolicysStatusIsWrittenWhenItChanges(t *testing.T) {
	w := newWorld(t, web(2), policyOf(v1alpha1.Rollout{Paused: true}))
	count := func(writes []string) (n int) {
		for _, write := range writes {
			if write == "status statefulsetpolicies slow" {
				n++
			}
		}
		return n
	}
	if n := count(w.settle()); n != 1 || w.policy().Status.State != "Idle" {
		t.Errorf("written %d times, and it is %q; want once, and Idle", n, w.policy().Status.State)
	}
	w.Change(newTemplate)
	if n := count(w.settle()); n != 0 {
		t.Errorf("written %d times more within a second", n)
	}
	w.Clock.Step(timing.StatusDelay)
	if n := count(w.settle()); n != 1 || w.policy().Status.State != "Paused" {
		t.Errorf("written %d times, and it is %q; want once, and Paused", n, w.policy().Status.State)
	}
	if got := w.PodNames(); len(got) != 2 {
		t.Errorf("of a paused roll-out pods %v are left", got)
	}
}

func TestAPolicyWithoutTargetSaysSo(t *testing.T) {
	w := newWorld(t, policyOf(v1alpha1.Rollout{}))
	for range 2 {
		if _, _, err := w.reconcile(); err != nil {
			t.Fatal(err)
		}
	}
	status := w.policy().Status
	if status.State != "NoTarget" || !strings.Contains(status.Reason, "there is no StatefulSet web in namespace default") || len(w.Writes) > 0 {
		t.Errorf("it is %q, %q, and at last %v was written", status.State, status.Reason, w.Writes)
	}
}

// A budget's refusal is no failure: the roll-out waits, names it, and asks again.
func TestARollOutWaitsForABudget(t *testing.T) {
	w := newWorld(t, web(2), policyOf(v1alpha1.Rollout{Disruption: v1alpha1.DisruptionEvict}))
	w.settle()
	w.Refuse["eviction pods"] = overBudget()
	w.Change(newTemplate)
	tries := 0
	for range 12 {
		writes, _, err := w.reconcile()
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(writes, "eviction pods web-1") {
			tries++
		}
		w.Clock.Step(time.Second)
	}
	if tries < 2 || tries > 4 {
		t.Errorf("in 12 seconds %d evictions were tried, want one in five seconds", tries)
	}
	words := w.Set().Status.Conditions
	if !slices.ContainsFunc(words, func(c appsv1.StatefulSetCondition) bool {
		return strings.Contains(c.Message, "The disruption budget all needs 2")
	}) {
		t.Errorf("no condition names the budget: %v", words)
	}
	if told := w.Told("FailedEvict"); len(told) > 0 {
		t.Errorf("a wait is told as a failure: %v", told)
	}
	delete(w.Refuse, "eviction pods")
	w.Clock.Step(5 * time.Second)
	if writes, _, err := w.reconcile(); err != nil || !slices.Contains(writes, "eviction pods web-1") || len(w.PodNames()) != 1 {
		t.Errorf("writes %v, %v; pods %v are left", writes, err, w.PodNames())
	}
}

// It is asked again though nothing else happens, and there is nothing new to report.
func TestABudgetIsAskedAgainByItself(t *testing.T) {
	w := newWorld(t, web(2), policyOf(v1alpha1.Rollout{Disruption: v1alpha1.DisruptionEvict}))
	w.settle()
	w.Refuse["eviction pods"] = overBudget()
	w.Change(newTemplate)
	for range 4 {
		w.Clock.Step(6 * time.Second)
		_, result, err := w.reconcile()
		if err != nil || result.RequeueAfter == 0 || result.RequeueAfter > 5*time.Second {
			t.Errorf("after a refused eviction the set is looked at in %s, %v", result.RequeueAfter, err)
		}
	}
}

// overBudget is how the API server answers that a PodDisruptionBudget forbids an eviction.
func overBudget() error {
	forbidden := apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 0)
	forbidden.ErrStatus.Code = http.StatusTooManyRequests
	forbidden.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: policyv1.DisruptionBudgetCause, Message: "The disruption budget all needs 2 healthy pods and has 2 currently"}}
	return forbidden
}

// An API server that knows no resize, or refuses one, is not asked for ever.
func TestAPodThatCannotBeResizedIsRecreated(t *testing.T) {
	for name, refusal := range map[string]error{
		"unknown": &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound}},
		"refused": apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Pod").GroupKind(), "web-0", nil),
	} {
		set := web(1)
		asks := func(cpu string) corev1.ResourceRequirements {
			return corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}}
		}
		set.Spec.Template.Spec.Containers[0].Resources = asks("1")
		w := newWorld(t, set, policyOf(v1alpha1.Rollout{InPlace: &v1alpha1.InPlace{Mode: v1alpha1.InPlaceIfPossible}}))
		w.settle()
		w.Refuse["resize pods"] = refusal
		w.Change(func(set *appsv1.StatefulSet) { set.Spec.Template.Spec.Containers[0].Resources = asks("2") })
		writes := w.settle()
		if i, j := slices.Index(writes, "resize pods web-0"), slices.Index(writes, "delete pods web-0"); i < 0 || j < i {
			t.Errorf("%s: it is not resized first, and recreated then: %v", name, writes)
		}
		if cpu := w.Pod("web-0").Spec.Containers[0].Resources.Requests.Cpu(); cpu.String() != "2" {
			t.Errorf("%s: the new pod has %s", name, cpu)
		}
	}
}

// ran is a runner of hooks that ends all of them at once, and keeps what was called.
type ran struct {
	calls []plan.HookCall
	runs  map[string]plan.HookRun
	w     *world
	// notYet is what all answer.
	notYet bool
}

func (r *ran) Start(_ context.Context, _ types.NamespacedName, c plan.HookCall) {
	r.calls = append(r.calls, c)
	now := r.w.Clock.Now()
	r.runs[c.About+c.Name] = plan.HookRun{UID: c.UID, In: c.Pod.UID, Name: c.Name, Revision: c.Revision, Began: now, Ended: now, Since: now, OK: !r.notYet, NotYet: r.notYet}
}

func (r *ran) Runs(types.NamespacedName) (all []plan.HookRun) {
	for _, run := range r.runs {
		all = append(all, run)
	}
	return all
}

func (*ran) Forget(types.NamespacedName) {}

func TestAPodHandsOverOnceBeforeItGoes(t *testing.T) {
	hook := &v1alpha1.Hook{Exec: &v1alpha1.ExecAction{Command: []string{"hand-over", "$(POD)", "$(TO)", "$(HOST)"}}}
	w := newWorld(t, web(2), policyOf(v1alpha1.Rollout{HandOver: hook}))
	r := &ran{runs: map[string]plan.HookRun{}, w: w}
	w.r.hooks, w.r.writer.Hooks = r, r
	w.settle()
	w.Change(newTemplate)
	w.settle()
	if len(r.calls) != 1 { // of web-1, which goes first, nobody could take over
		t.Fatalf("%d hooks were run: %v", len(r.calls), r.calls)
	}
	got := strings.Join(r.calls[0].Exec.Command, " ")
	if r.calls[0].Pod.Name != "web-0" || got != "hand-over web-0 web-1 web-0" || r.calls[0].Exec.Container != "app" {
		t.Errorf("in %s, container %s, ran %s", r.calls[0].Pod.Name, r.calls[0].Exec.Container, got)
	}
}
