package controller

import (
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/plan"
)

func joins() *v1alpha1.Join {
	return &v1alpha1.Join{Exec: &v1alpha1.ExecAction{Command: []string{"member", "add", "$(POD)", "$(ORDINAL)"}}}
}

// settleIn settles a world for so long.
func (r *ran) settleIn(d time.Duration) {
	r.w.Clock.Step(d)
	r.settle()
}

func TestNewMembersJoinOneByOneBeforeTheirPodsCome(t *testing.T) {
	w, r := scalingWorld(t, &v1alpha1.Scaling{Join: joins()}, 2)
	r.settle()
	r.notYet = true
	w.Change(scaledTo(4))
	r.settle()
	if want := []string{"join of web-1 in web-0", "join of web-2 in web-0"}; !slices.Equal(r.said(), want) || len(w.PodNames()) != 2 {
		t.Fatalf("ran %v, want %v; pods are %v", r.said(), want, w.PodNames())
	}
	if got := strings.Join(r.calls[1].Exec.Command, " "); got != "member add web-2 2" {
		t.Errorf("ran %q", got)
	}
	r.notYet = false
	r.settleIn(6 * time.Second)
	if want := []string{"join of web-2 in web-0", "join of web-3 in web-0"}; !slices.Equal(r.said()[2:], want) || len(w.PodNames()) != 4 {
		t.Fatalf("then ran %v, want %v; pods are %v", r.said()[2:], want, w.PodNames())
	}
	if got := w.notedAs(plan.MembersAnnotation); got != `{"members":"0-3"}` {
		t.Errorf("noted is %s", got)
	}
}

// What comes back is no newcomer: not what is deleted, updated, or lost, whoever leads.
func TestAPodThatComesBackDoesNotJoin(t *testing.T) {
	w, r := scalingWorld(t, &v1alpha1.Scaling{Join: joins()}, 3)
	r.settle()
	next := &ran{runs: map[string]plan.HookRun{}, w: w}
	w.r = newReconciler(w.view, Surroundings{Client: w.API, Live: w.live, Recorder: w, Clock: w.Clock, Hooks: next}, 16, nil)
	w.Change(newTemplate)
	next.settle()
	if err := w.API.Delete(t.Context(), w.Pod("web-1")); err != nil {
		t.Fatal(err)
	}
	next.settle()
	if len(next.calls) > 0 || len(w.PodNames()) != 3 {
		t.Errorf("ran %v; pods are %v", next.said(), w.PodNames())
	}
}

// An answer that never came is asked for again, and one that was noted is not.
func TestANewLeaderAsksForAJoinThatAnotherBegan(t *testing.T) {
	w, r := scalingWorld(t, &v1alpha1.Scaling{Join: joins()}, 1)
	r.notYet = true
	w.Change(scaledTo(2))
	r.settle()
	next := &ran{runs: map[string]plan.HookRun{}, w: w}
	w.r = newReconciler(w.view, Surroundings{Client: w.API, Live: w.live, Recorder: w, Clock: w.Clock, Hooks: next}, 16, nil)
	next.settle()
	if want := []string{"join of web-1 in web-0"}; !slices.Equal(next.said(), want) || len(w.PodNames()) != 2 {
		t.Errorf("the next leader ran %v, want %v; pods are %v", next.said(), want, w.PodNames())
	}
}

// Who has joined and is not wanted any more before it has a pod is seen off by a peer.
func TestWhoHasJoinedInVainIsSeenOff(t *testing.T) {
	forget := &v1alpha1.Leave{MemberAction: command(v1alpha1.PodPeer, "forget", "$(POD)")}
	w, r := scalingWorld(t, &v1alpha1.Scaling{Join: joins(), Leave: forget}, 1)
	r.notYet = true
	w.Change(scaledTo(2))
	r.settle()
	r.notYet = false
	w.Change(scaledTo(1))
	r.settle()
	if want := []string{"join of web-1 in web-0", "leave of web-1 in web-0"}; !slices.Equal(r.said(), want) || w.noted() != "" || w.notedAs(plan.MembersAnnotation) != `{"members":"0"}` {
		t.Errorf("ran %v, want %v; noted is %q and %q", r.said(), want, w.noted(), w.notedAs(plan.MembersAnnotation))
	}
}

func TestAMemberThatCannotJoinInTimeStalls(t *testing.T) {
	join := joins()
	join.TimeoutSeconds = ptr.To[int32](60)
	w, r := scalingWorld(t, &v1alpha1.Scaling{Join: join}, 1)
	r.notYet = true
	w.Change(scaledTo(2))
	r.settle()
	r.settleIn(61 * time.Second)
	stalled := slices.ContainsFunc(w.Set().Status.Conditions, func(c appsv1.StatefulSetCondition) bool {
		return c.Type == plan.ConditionStalled && c.Reason == "JoinFailed"
	})
	if !stalled || len(w.PodNames()) != 1 || len(w.Told("JoinFailed")) == 0 {
		t.Errorf("stalled is %t, told was %v, and pods are %v", stalled, w.Told("JoinFailed"), w.PodNames())
	}
}

// Who is rebuilt was a member that nobody else can be.
func TestTheMemberThatARebuiltOneWasIsSeenOff(t *testing.T) {
	forget := &v1alpha1.Leave{MemberAction: command(v1alpha1.PodPeer, "forget", "$(POD)")}
	w, r := scalingWorld(t, &v1alpha1.Scaling{Join: joins(), Leave: forget}, 3)
	r.settleIn(time.Second)
	r.calls = nil
	var claims corev1.PersistentVolumeClaimList
	if err := w.API.List(t.Context(), &claims); err != nil {
		t.Fatal(err)
	}
	for _, claim := range claims.Items {
		if strings.HasSuffix(claim.Name, "web-1") {
			if err := w.API.Delete(t.Context(), &claim); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.API.Delete(t.Context(), w.Pod("web-1")); err != nil {
		t.Fatal(err)
	}
	r.settle()
	if want := []string{"leave of web-1 in web-0", "join of web-1 in web-0"}; !slices.Equal(r.said(), want) || len(w.PodNames()) != 3 || w.noted() != "" {
		t.Errorf("ran %v, want %v; pods are %v, and noted is %q", r.said(), want, w.PodNames(), w.noted())
	}
}
