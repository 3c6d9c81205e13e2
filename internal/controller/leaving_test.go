package controller

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/plan"
)

// leavingWorld has a set up whose pods are asked to leave.
func leavingWorld(t *testing.T, leave *v1alpha1.Leave, pods int32) (*world, *ran) {
	t.Helper()
	return scalingWorld(t, &v1alpha1.Scaling{Leave: leave}, pods)
}

func scalingWorld(t *testing.T, scaling *v1alpha1.Scaling, pods int32) (*world, *ran) {
	t.Helper()
	w := newWorld(t, web(pods), &v1alpha1.StatefulSetPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", Generation: 1},
		Spec:       v1alpha1.StatefulSetPolicySpec{TargetRef: v1alpha1.TargetRef{Name: "web"}, Scaling: scaling},
	})
	r := &ran{runs: map[string]plan.HookRun{}, w: w}
	w.r.hooks, w.r.writer.Hooks = r, r
	w.settle()
	return w, r
}

func command(in v1alpha1.HookPod, words ...string) v1alpha1.MemberAction {
	return v1alpha1.MemberAction{Exec: &v1alpha1.MemberExec{Pod: in, ExecAction: v1alpha1.ExecAction{Command: words}}}
}

func scaledTo(n int32) func(*appsv1.StatefulSet) {
	return func(set *appsv1.StatefulSet) { set.Spec.Replicas = ptr.To(n) }
}

// said are the hooks that were run, as "HOOK of POD in POD".
func (r *ran) said() []string {
	var all []string
	for _, c := range r.calls {
		all = append(all, fmt.Sprintf("%s of %s in %s", c.Name, c.About, c.Pod.Name))
	}
	return all
}

// settle settles the world, until no more hook is run either.
func (r *ran) settle() {
	for before := -1; before < len(r.calls); {
		before = len(r.calls)
		r.w.settle()
	}
}

func (w *world) noted() string { return w.notedAs(plan.LeavingAnnotation) }

// notedAs is what an annotation of a revision says.
func (w *world) notedAs(annotation string) string {
	w.T.Helper()
	var revisions appsv1.ControllerRevisionList
	if err := w.API.List(w.T.Context(), &revisions); err != nil {
		w.T.Fatal(err)
	}
	for _, r := range revisions.Items {
		if text := r.Annotations[annotation]; text != "" {
			return text
		}
	}
	return ""
}

func TestPodsLeaveOneByOneBeforeTheyGo(t *testing.T) {
	w, r := leavingWorld(t, &v1alpha1.Leave{MemberAction: command("", "leave")}, 4)
	w.Change(newTemplate)
	r.settle()
	if len(r.calls) > 0 {
		t.Errorf("a restart has run %v", r.said())
	}
	w.Change(scaledTo(2))
	r.settle()
	if want := []string{"leave of web-3 in web-3", "leave of web-2 in web-2"}; !slices.Equal(r.said(), want) || len(w.PodNames()) != 2 || w.noted() != "" {
		t.Errorf("ran %v, want %v; left are %v, and noted is %q", r.said(), want, w.PodNames(), w.noted())
	}
}

func TestAPeerSeesOffWhoIsGone(t *testing.T) {
	w, r := leavingWorld(t, &v1alpha1.Leave{MemberAction: command(v1alpha1.PodPeer, "forget", "$(POD)"), When: v1alpha1.LeaveAfter}, 3)
	w.Change(scaledTo(2))
	r.settle()
	if want := []string{"leave of web-2 in web-0"}; !slices.Equal(r.said(), want) || w.noted() != "" || strings.Join(r.calls[0].Exec.Command, " ") != "forget web-2" {
		t.Errorf("ran %v, want %v; noted is %q", r.said(), want, w.noted())
	}
	if i := slices.Index(w.PodNames(), "web-2"); i >= 0 {
		t.Error("web-2 is still there")
	}
}

// What is noted is enough for a controller that knows nothing else, and a pod that is wanted
// again is told so by it, and stays.
func TestANewLeaderCancelsWhatAnotherBegan(t *testing.T) {
	cancel := &v1alpha1.LeaveCancel{MemberAction: command("", "stay")}
	w, r := leavingWorld(t, &v1alpha1.Leave{MemberAction: command("", "leave"), Cancel: cancel}, 3)
	r.notYet = true
	w.Change(scaledTo(2))
	r.settle()
	w.Clock.Step(6 * time.Second)
	r.settle()
	if len(r.calls) != 2 || w.noted() == "" || len(w.PodNames()) != 3 {
		t.Fatalf("ran %v, and noted is %q; want two questions, and the pod to stay until it has left", r.said(), w.noted())
	}
	uid := w.Pod("web-2").UID
	next := &ran{runs: map[string]plan.HookRun{}, w: w}
	w.r = newReconciler(w.view, Surroundings{Client: w.API, Live: w.live, Recorder: w, Clock: w.Clock, Hooks: next}, 16, nil)
	w.Change(scaledTo(3))
	next.settle()
	if want := []string{"cancel of web-2 in web-2"}; !slices.Equal(next.said(), want) || w.noted() != "" || w.Pod("web-2").UID != uid {
		t.Errorf("the next leader ran %v, want %v; noted is %q", next.said(), want, w.noted())
	}
}

// One that does not leave keeps its place, and somebody is told.
func TestAPodThatDoesNotLeaveInTimeStalls(t *testing.T) {
	w, r := leavingWorld(t, &v1alpha1.Leave{MemberAction: command("", "leave"), TimeoutSeconds: ptr.To[int32](60)}, 2)
	r.notYet = true
	w.Change(scaledTo(1))
	r.settle()
	w.Clock.Step(61 * time.Second)
	r.settle()
	stalled := slices.ContainsFunc(w.Set().Status.Conditions, func(c appsv1.StatefulSetCondition) bool {
		return c.Type == plan.ConditionStalled && c.Reason == "LeaveFailed"
	})
	if !stalled || len(w.PodNames()) != 2 || len(w.Told("LeaveFailed")) == 0 {
		t.Errorf("stalled is %t, told was %v, and pods %v are left", stalled, w.Told("LeaveFailed"), w.PodNames())
	}
}

// Each time that a leader is not wanted it hands over once, and before it leaves.
func TestALeaderHandsOverBeforeItLeaves(t *testing.T) {
	w, r := leavingWorld(t, &v1alpha1.Leave{MemberAction: command("", "leave")}, 2)
	policy := &v1alpha1.StatefulSetPolicy{}
	if err := w.API.Get(t.Context(), webKey, policy); err != nil {
		t.Fatal(err)
	}
	policy.Spec.Rollout = &v1alpha1.Rollout{HandOver: &v1alpha1.Hook{Exec: &v1alpha1.ExecAction{Command: []string{"hand-over", "$(TO)"}}}}
	if err := w.API.Update(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	r.notYet = true // it fails
	w.Change(scaledTo(1))
	r.settle()
	if want := []string{"handOver of web-1 in web-1"}; !slices.Equal(r.said(), want) {
		t.Fatalf("ran %v, want %v", r.said(), want)
	}
	r.notYet = false
	r.settleIn(11 * time.Second)
	if want := []string{"handOver of web-1 in web-1", "leave of web-1 in web-1"}; !slices.Equal(r.said()[1:], want) || len(w.PodNames()) != 1 {
		t.Errorf("then ran %v, want %v; pods are %v", r.said()[1:], want, w.PodNames())
	}
}
