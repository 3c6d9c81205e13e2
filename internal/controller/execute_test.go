package controller

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/revision"
)

// do carries out actions for the world's set.
func (w *world) do(actions ...plan.Action) error {
	w.t.Helper()
	_, _, err := w.r.executor.do(w.t.Context(), w.set(), actions, w.r.memories.of(webKey))
	return err
}

// orphan is a member's pod that nobody owns.
func orphan(ordinal int) *corev1.Pod {
	set := web(3)
	pod := identity.NewPod(set, &set.Spec.Template, "web-1", ordinal)
	pod.OwnerReferences = nil
	pod.UID = types.UID("uid-" + pod.Name)
	return pod
}

// claimOf is the claim of a member.
func claimOf(ordinal int) *corev1.PersistentVolumeClaim {
	set := web(3)
	return identity.NewClaim(set, &set.Spec.VolumeClaimTemplates[0], ordinal)
}

func (w *world) pod(name string) *corev1.Pod {
	w.t.Helper()
	pod := &corev1.Pod{}
	if err := w.api.Get(w.t.Context(), types.NamespacedName{Namespace: "default", Name: name}, pod); err != nil {
		w.t.Fatal(err)
	}
	return pod
}

func TestOnlyThePodThatThePlanSawIsDeleted(t *testing.T) {
	w := newWorld(t, web(3), orphan(0))
	seen := w.pod("web-0")
	changed := seen.DeepCopy()
	changed.Labels["new"] = "label"
	if err := w.api.Update(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if err := w.do(plan.Action{Verb: plan.Delete, Object: seen}); !apierrors.IsConflict(err) {
		t.Errorf("a changed pod: err = %v, want a conflict", err)
	}
	other := w.pod("web-0")
	other.UID = "uid-earlier"
	if err := w.do(plan.Action{Verb: plan.Delete, Object: other}); !apierrors.IsConflict(err) {
		t.Errorf("another pod of that name: err = %v, want a conflict", err)
	}
	if err := w.do(plan.Action{Verb: plan.Delete, Object: w.pod("web-0")}); err != nil || len(w.pods()) > 0 {
		t.Errorf("the pod itself: err = %v, pods left %v", err, w.podNames())
	}
	if news := w.r.memories.of(webKey).news; len(news) != 1 || len(w.events) > 0 {
		t.Errorf("news %v and events %q, want the one deletion: conflicts are nobody's business", news, w.events)
	}
}

func TestAnOrphanIsAdoptedAfterAFreshLookAtTheSet(t *testing.T) {
	w := newWorld(t, web(3), orphan(0))
	if err := w.do(plan.Action{Verb: plan.Adopt, Object: w.pod("web-0")}); err != nil {
		t.Fatal(err)
	}
	if pod := w.pod("web-0"); !metav1.IsControlledBy(pod, w.set()) {
		t.Errorf("owned by %v", pod.OwnerReferences)
	}
}

func TestASetThatWasReplacedAdoptsNothing(t *testing.T) {
	w := newWorld(t, web(3), orphan(0))
	gone := w.set()
	gone.UID = "uid-earlier"
	_, _, err := w.r.executor.do(t.Context(), gone, []plan.Action{{Verb: plan.Adopt, Object: w.pod("web-0")}}, &memory{})
	if !apierrors.IsConflict(err) || len(w.pod("web-0").OwnerReferences) > 0 {
		t.Errorf("err = %v, owners %v; want a conflict and no owner", err, w.pod("web-0").OwnerReferences)
	}
}

func TestAReleasedPodKeepsItsOtherOwners(t *testing.T) {
	pod := orphan(0)
	pod.OwnerReferences = []metav1.OwnerReference{
		*metav1.NewControllerRef(web(3), identity.SetKind),
		{APIVersion: "v1", Kind: "ConfigMap", Name: "other", UID: "uid-other"},
	}
	w := newWorld(t, web(3), pod)
	if err := w.do(plan.Action{Verb: plan.Release, Object: w.pod("web-0")}); err != nil {
		t.Fatal(err)
	}
	if owners := w.pod("web-0").OwnerReferences; len(owners) != 1 || owners[0].UID != "uid-other" {
		t.Errorf("owners %v, want the other one alone", owners)
	}
	w.refuse["patch pods"] = apierrors.NewInvalid(identity.PodKind.GroupKind(), "web-0", nil)
	if err := w.do(plan.Action{Verb: plan.Release, Object: w.pod("web-0")}); err != nil {
		t.Errorf("a pod that the set does not own any more: %v", err)
	}
}

func TestAChangeIsMadeToTheObjectAsItWasSeenOnly(t *testing.T) {
	w := newWorld(t, web(3), orphan(0))
	seen := w.pod("web-0")
	relabel := plan.Action{Verb: plan.Update, Object: seen, Change: plan.Change{Labels: map[string]string{"x": "y"}}}
	if err := w.do(relabel); err != nil || w.pod("web-0").Labels["x"] != "y" {
		t.Errorf("err = %v, labels %v", err, w.pod("web-0").Labels)
	}
	if err := w.do(relabel); !apierrors.IsConflict(err) {
		t.Errorf("again, though it has changed: err = %v, want a conflict", err)
	}
}

func TestAnObjectThatIsGoneIsPlannedAgain(t *testing.T) {
	w := newWorld(t, web(3))
	for _, verb := range []plan.Verb{plan.Update, plan.Adopt, plan.Release} {
		if err := w.do(plan.Action{Verb: verb, Object: orphan(0)}); !apierrors.IsConflict(err) {
			t.Errorf("%s: err = %v, want a conflict", verb, err)
		}
	}
	if err := w.do(plan.Action{Verb: plan.Delete, Object: orphan(0)}); err != nil {
		t.Errorf("delete: %v; what is gone is deleted", err)
	}
}

func TestWhatAnActionNeedsIsDoneFirst(t *testing.T) {
	w := newWorld(t, web(3), claimOf(1))
	claim := func(name string) plan.Action {
		return plan.Action{Verb: plan.Create, Object: &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}}
	}
	w.refuse["create persistentvolumeclaims"] = apierrors.NewForbidden(corev1.Resource("persistentvolumeclaims"), "data-web-0", errQuota)
	err := w.do(
		plan.Action{Verb: plan.Create, Object: orphan(0), Needs: []plan.Action{claim("data-web-0")}},
		plan.Action{Verb: plan.Create, Object: orphan(1)},
	)
	if !apierrors.IsForbidden(err) {
		t.Errorf("err = %v, want the refusal", err)
	}
	if got := w.podNames(); !slices.Equal(got, []string{"web-1"}) {
		t.Errorf("pods %v: want web-0 not created without its claim, and web-1 created all the same", got)
	}
}

func TestARefusalIsNotRepeatedForEveryPod(t *testing.T) {
	w, actions := worldToFill(t, 50)
	w.refuse["create pods"] = apierrors.NewForbidden(corev1.Resource("pods"), "", errQuota)
	if err := w.do(actions...); !apierrors.IsForbidden(err) {
		t.Errorf("err = %v", err)
	}
	if len(w.writes) > mostFailures+1 {
		t.Errorf("the API server was asked %d times, want about %d", len(w.writes), mostFailures)
	}
}

func TestBatchesGrowAndBeginAnewAfterARefusal(t *testing.T) {
	w, actions := worldToFill(t, 20)
	var sizes []int
	w.r.executor.each = func(n int, do func(int)) {
		sizes = append(sizes, n)
		for i := range n {
			if n == 4 && i == 0 { // the first of the batch of four, each time there is one
				w.refuse["create pods"] = errQuota
			}
			do(i)
			delete(w.refuse, "create pods")
		}
	}
	if err := w.do(actions...); !errors.Is(err, errQuota) {
		t.Errorf("err = %v", err)
	}
	if want := []int{1, 2, 4, 2, 4, 2, 4}; !slices.Equal(sizes, want) { // the third refusal ends it
		t.Errorf("batches of %v, want %v", sizes, want)
	}
}

// worldToFill is a world without pods, and the actions that create so many.
func worldToFill(t *testing.T, n int) (*world, []plan.Action) {
	t.Helper()
	objects, actions := []client.Object{web(3)}, make([]plan.Action, n)
	for i := range n {
		objects = append(objects, claimOf(i))
		actions[i] = plan.Action{Verb: plan.Create, Object: orphan(i)}
	}
	return newWorld(t, objects...), actions
}

func TestNothingElseIsDoneWithoutTheRevision(t *testing.T) {
	w := newWorld(t, web(3))
	w.refuse["create controllerrevisions"] = errors.New("no")
	if _, _, err := w.reconcile(); err == nil {
		t.Error("no error")
	}
	if len(w.podNames()) > 0 {
		t.Errorf("pods %v were created without their revision", w.podNames())
	}
}

func TestARevisionWhoseNameIsTakenGetsAnother(t *testing.T) {
	set := web(3)
	wanted, err := revision.New(set, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	foreign := wanted.DeepCopy()
	foreign.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "web-long", UID: "uid-long", Controller: ptr.To(true)}}
	w := newWorld(t, set, foreign)
	w.settle()
	status := w.set().Status
	again, err := revision.New(set, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if ptr.Deref(status.CollisionCount, 0) != 1 || status.UpdateRevision != again.Name {
		t.Errorf("collisions %v, revision %s; want 1 and %s", status.CollisionCount, status.UpdateRevision, again.Name)
	}
}

// Nobody would ever adopt it, and to wait for it would be to wait for ever.
func TestARevisionThatTheSelectorMissesCountsAsAnothers(t *testing.T) {
	set := web(3)
	lost, err := revision.New(set, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	lost.OwnerReferences, lost.Labels = nil, nil
	w := newWorld(t, set, lost)
	w.settle()
	if status := w.set().Status; ptr.Deref(status.CollisionCount, 0) != 1 || status.ReadyReplicas != 3 {
		t.Errorf("status %+v, want one collision and all pods", status)
	}
}

func TestARevisionOfAnEarlierSetOfTheNameIsWaitedFor(t *testing.T) {
	set := web(3)
	left, err := revision.New(set, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	left.OwnerReferences[0].UID = "uid-earlier"
	w := newWorld(t, set, left)
	var last int64
	for range 3 {
		_, result, err := w.reconcile()
		if err != nil || int64(result.RequeueAfter) <= last {
			t.Fatalf("pause %s, %v; want ever longer pauses and no error", result.RequeueAfter, err)
		}
		last = int64(result.RequeueAfter)
	}
	if n := w.set().Status.CollisionCount; n != nil && *n != 0 {
		t.Errorf("it counted as %d collisions", *n)
	}
	if err := w.api.Delete(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if got := w.set().Status.UpdateRevision; got != left.Name {
		t.Errorf("revision %s, want %s", got, left.Name)
	}
}

func TestANamespaceThatIsBeingDeletedIsNotComplainedAbout(t *testing.T) {
	w := newWorld(t, web(3))
	terminating := apierrors.NewForbidden(corev1.Resource("pods"), "web-0", errors.New("namespace is being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	w.refuse["create pods"] = terminating
	if _, _, err := w.reconcile(); err == nil {
		t.Error("no error, so it is not tried again")
	}
	if slices.ContainsFunc(w.events, func(e string) bool { return strings.HasPrefix(e, "FailedCreate") }) {
		t.Errorf("events %q: nothing can be created, and nobody needs to know", w.events)
	}
}

func TestAConflictOfTheStatusIsPlannedAgain(t *testing.T) {
	w := newWorld(t, web(0))
	if _, _, err := w.reconcile(); err != nil { // makes the revision
		t.Fatal(err)
	}
	w.refuse["status statefulsets"] = apierrors.NewConflict(appsv1.Resource("statefulsets"), "web", errors.New("changed"))
	_, result, err := w.reconcile()
	if err != nil || result.RequeueAfter != firstRetry {
		t.Errorf("%+v, %v; want another plan after %s", result, err, firstRetry)
	}
}

func TestASetThatIsGoneIsForgotten(t *testing.T) {
	w := newWorld(t, web(0))
	w.settle()
	if err := w.api.Delete(t.Context(), w.set()); err != nil {
		t.Fatal(err)
	}
	if writes, _, err := w.reconcile(); err != nil || len(writes) > 0 {
		t.Errorf("wrote %v, %v", writes, err)
	}
	w.r.memories.m.Range(func(key, _ any) bool {
		t.Errorf("%v is remembered", key)
		return true
	})
}

func TestNothingIsRememberedOfAnEarlierSetOfTheName(t *testing.T) {
	w := newWorld(t, web(0))
	w.settle()
	w.r.memories.of(webKey).failures = map[int]plan.Failure{1: {Count: 4, Last: w.clock.Now()}}
	if err := w.api.Delete(t.Context(), w.set()); err != nil {
		t.Fatal(err)
	}
	// As the garbage collector does.
	if err := w.api.DeleteAllOf(t.Context(), &appsv1.ControllerRevision{}, client.InNamespace("default")); err != nil {
		t.Fatal(err)
	}
	again := web(0)
	again.UID = "uid-again"
	if err := w.api.Create(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if f := w.r.memories.of(webKey).failures; len(f) > 0 {
		t.Errorf("the new set inherits %v", f)
	}
}

func TestAWarningIsRecordedOnceForAsLongAsItHolds(t *testing.T) {
	set := web(0)
	set.Spec.ServiceName = "peers"
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "peers"}, Spec: corev1.ServiceSpec{ClusterIP: "10.0.0.1", Selector: map[string]string{"app": "web"}}}
	w := newWorld(t, set, service)
	warnings := func() (n int) {
		for _, e := range w.events {
			if strings.HasPrefix(e, "ServiceNotHeadless") {
				n++
			}
		}
		return n
	}
	setClusterIP := func(ip string) {
		service.Spec.ClusterIP = ip
		if err := w.api.Update(context.Background(), service); err != nil {
			t.Fatal(err)
		}
		w.settle()
	}
	w.settle()
	w.settle()
	if warnings() != 1 {
		t.Errorf("told %d times, want once: %q", warnings(), w.events)
	}
	setClusterIP(corev1.ClusterIPNone)
	setClusterIP("10.0.0.1")
	if warnings() != 2 {
		t.Errorf("told %d times, want again when it is wrong again: %q", warnings(), w.events)
	}
}
