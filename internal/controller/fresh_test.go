package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/revision"
)

func TestAPodIsNotCreatedOnAClaimThatIsBeingDeletedOrGone(t *testing.T) {
	dying := claimOf(0)
	dying.Finalizers = []string{"kubernetes.io/pvc-protection"}
	w := newWorld(t, web(3), dying)
	if err := w.api.Delete(t.Context(), dying); err != nil {
		t.Fatal(err)
	}
	for ordinal, why := range []string{"is being deleted", "is gone"} {
		if err := w.do(plan.Action{Verb: plan.Create, Object: orphan(ordinal)}); !apierrors.IsConflict(err) {
			t.Errorf("the claim %s, and creating its pod ended with %v, want a conflict", why, err)
		}
	}
	if got := w.podNames(); len(got) > 0 {
		t.Errorf("pods %v were created", got)
	}
}

// pastView is a cache that shows pods as they once were, at version 1.
type pastView struct {
	*apiView
	then []*corev1.Pod
}

func (v *pastView) pods(context.Context, types.NamespacedName) ([]*corev1.Pod, error) {
	return v.then, nil
}

func (v *pastView) object(k kind, key types.NamespacedName) metav1.Object {
	for _, pod := range v.then {
		if k == kindPod && pod.Name == key.Name {
			return pod
		}
	}
	return nil
}

// A controller that has just started, with a cache from before its predecessor
// took a pod of the update down, must not take down another.
func TestANewControllerWaitsUntilItsCacheShowsWhatThePredecessorDid(t *testing.T) {
	set := web(2)
	set.Status.ObservedGeneration = 1
	member := func(ordinal int) *corev1.Pod {
		pod := identity.NewPod(set, &set.Spec.Template, "web-1", ordinal)
		pod.UID, pod.ResourceVersion = types.UID("uid-"+pod.Name), "1"
		pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
		return pod
	}
	there := member(0)
	there.ResourceVersion = ""
	w := newWorld(t, set, claimOf(0), claimOf(1), there)
	past := &pastView{apiView: w.r.view.(*apiView), then: []*corev1.Pod{member(0), member(1)}} // web-1 is gone
	w.r.view = past
	if writes, result, err := w.reconcile(); err != nil || len(writes) > 0 || result.RequeueAfter == 0 {
		t.Errorf("the cache shows a pod that is gone, and the controller wrote %v (%v, %v)", writes, result, err)
	}
	past.then = []*corev1.Pod{w.pod("web-0")}
	if writes, _, err := w.reconcile(); err != nil || !slices.Contains(writes, "create controllerrevisions web-"+hashOf(t, set)) {
		t.Errorf("the cache shows what is so, and the controller wrote %v (%v)", writes, err)
	}
}

// restlessView is a cache that is behind as soon as it was read: a pod changes each time.
type restlessView struct {
	*apiView
	change func()
}

func (v restlessView) pods(ctx context.Context, set types.NamespacedName) ([]*corev1.Pod, error) {
	defer v.change()
	return v.apiView.pods(ctx, set)
}

func TestANewControllerActsOnASetWhosePodsChangeAllTheTime(t *testing.T) {
	set := web(2)
	set.Status.ObservedGeneration = 1
	pod := orphan(0)
	pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(set, identity.SetKind)}
	w := newWorld(t, set, claimOf(0), claimOf(1), pod)
	w.r.view = restlessView{w.r.view.(*apiView), func() {
		pod := w.pod("web-0")
		pod.Status.ObservedGeneration++
		if err := w.api.Status().Update(t.Context(), pod); err != nil {
			t.Error(err)
		}
	}}
	creates := func(write string) bool { return strings.HasPrefix(write, "create") }
	if writes, _, err := w.reconcile(); err != nil || slices.ContainsFunc(writes, creates) {
		t.Errorf("on a cache that is behind, the controller wrote %v (%v)", writes, err)
	}
	if writes, _, err := w.reconcile(); err != nil || !slices.ContainsFunc(writes, creates) {
		t.Errorf("on a cache that shows what was so at the first look, the controller wrote %v (%v)", writes, err)
	}
}

// listedAt is an API server whose lists are of a certain version.
type listedAt struct {
	client.Reader
	version string
}

func (l listedAt) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	err := l.Reader.List(ctx, list, options...)
	list.SetResourceVersion(l.version)
	return err
}

// A cache may be as new as all that is there, and still older than what is gone.
func TestANewControllerKnowsPodsThatHaveComeAndGone(t *testing.T) {
	set := web(0)
	set.Status.ObservedGeneration = 1
	w := newWorld(t, set)
	past := &pastView{apiView: &apiView{liveView: liveView{w.api}, behind: kindPod}}
	w.r.view, w.r.executor.fresh = past, listedAt{w.api, "500"}
	if _, _, err := w.reconcile(); err != nil {
		t.Fatal(err)
	}
	gone := orphan(0)
	gone.UID, gone.ResourceVersion = "uid-gone", "2"
	gone.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(set, identity.SetKind)}
	past.then = []*corev1.Pod{gone}
	if writes, result, err := w.reconcile(); err != nil || len(writes) > 0 || result.RequeueAfter == 0 {
		t.Errorf("the cache shows a pod that is gone, and the controller wrote %v (%v, %v)", writes, result, err)
	}
	made := gone.DeepCopy()
	made.UID, made.ResourceVersion = "uid-made", "1000000"
	past.then = []*corev1.Pod{made}
	w.r.memories.of(webKey).expectations.reset()
	if writes, _, err := w.reconcile(); err != nil || len(writes) == 0 {
		t.Errorf("the cache shows a pod that was made since, and the controller wrote %v (%v)", writes, err)
	}
}

// Of two controllers that lead at once, the one that does not know of the newest
// specification must not put an older revision on top: they would do so in turn.
func TestARevisionIsNotRenumberedForAnOlderSpecification(t *testing.T) {
	set := web(1)
	first, err := revision.New(set, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, set, first)
	planned, m := w.set(), w.r.memories.of(webKey)
	renumber := plan.Action{Verb: plan.Update, Object: first, Change: plan.Change{Number: 3}}
	if err := w.api.Get(t.Context(), client.ObjectKeyFromObject(first), first); err != nil {
		t.Fatal(err)
	}
	w.change(func(set *appsv1.StatefulSet) { set.Spec.Template.Spec.Containers[0].Image = "app:B" })
	if _, _, err := w.r.executor.do(t.Context(), planned, []plan.Action{renumber}, m); !apierrors.IsConflict(err) || len(w.writes) > 0 {
		t.Errorf("a revision was renumbered for an older specification: %v (%v)", w.writes, err)
	}
	if behind := m.expectations.pending(&apiView{behind: kindSet}); behind != kindSet {
		t.Errorf("waiting for the cache of %q, want that of sets", behind)
	}
	if err := w.do(renumber); err != nil || len(w.writes) != 1 {
		t.Errorf("for the newest specification, renumbering wrote %v (%v)", w.writes, err)
	}
}

// setReady has a pod become ready, or not.
func (w *world) setReady(pod string, ready corev1.ConditionStatus) {
	w.t.Helper()
	p := w.pod(pod)
	p.Status.Conditions[0].Status = ready
	if err := w.api.Status().Update(w.t.Context(), p); err != nil {
		w.t.Fatal(err)
	}
}

// olderSet is a cache that shows the set as it once was.
type olderSet struct {
	*apiView
	then *appsv1.StatefulSet
}

func (v olderSet) set(context.Context, types.NamespacedName) (*appsv1.StatefulSet, error) {
	return v.then, nil
}

func (v olderSet) object(k kind, key types.NamespacedName) metav1.Object {
	if k == kindSet {
		return v.then
	}
	return v.apiView.object(k, key)
}

func TestAStatusThatIsRefusedTwiceIsNotWrittenAgainBeforeTheCacheShowsWhy(t *testing.T) {
	w := newWorld(t, web(1))
	w.settle()
	current := w.r.view
	w.r.view = olderSet{&apiView{liveView: liveView{w.api}, behind: kindSet}, w.set()}
	w.change(func(set *appsv1.StatefulSet) { metav1.SetMetaDataAnnotation(&set.ObjectMeta, "note", "new") })
	w.setReady("web-0", corev1.ConditionFalse)
	refused := 0
	for range 6 {
		writes, _, err := w.reconcile()
		if err != nil {
			t.Fatal(err)
		}
		refused += len(writes)
		w.clock.Step(2 * statusDelay)
	}
	if refused != 2 {
		t.Errorf("the status was tried %d times on a cache that is behind, want 2", refused)
	}
	w.r.view = current
	if writes, _, err := w.reconcile(); err != nil || len(writes) != 1 {
		t.Errorf("the cache shows the set as it is, and the controller wrote %v (%v)", writes, err)
	}
}

// Its name may be in the status, since the set's own gets the same, but the caches will
// never show it as the set's.
func TestARevisionThatIsNotTheSetsIsNotWaitedFor(t *testing.T) {
	for whose, uid := range map[string]types.UID{"the set's": "uid-web", "an earlier set's": "uid-earlier"} {
		set := web(3)
		r, err := revision.New(set, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		r.OwnerReferences[0].UID = uid
		set.Status.UpdateRevision = r.Name
		w := newWorld(t, set, r)
		current, err := w.r.lookForRevisions(t.Context(), plan.Snapshot{Set: set}, set, &memory{})
		if err != nil || current != (uid != set.UID) {
			t.Errorf("the caches do not show the revision, which is %s: they are current: %t, %v", whose, current, err)
		}
	}
}

// failsOnce is an API server that does not answer the first request for a revision.
type failsOnce struct {
	client.Reader
	failed bool
}

func (f *failsOnce) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if _, ok := object.(*appsv1.ControllerRevision); ok && !f.failed {
		f.failed = true
		return errors.New("timed out")
	}
	return f.Reader.Get(ctx, key, object, options...)
}

func TestALookThatFailsIsNotTakenForOne(t *testing.T) {
	set := web(3)
	r, err := revision.New(set, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	set.Status.ObservedGeneration, set.Status.UpdateRevision = 1, r.Name
	w := newWorld(t, set, r)
	w.r.view, w.r.executor.fresh = &noRevisions{w.r.view.(*apiView)}, &failsOnce{Reader: w.api}
	if _, _, err := w.reconcile(); err == nil {
		t.Fatal("the API server did not answer, and nobody was told")
	}
	if writes, _, err := w.reconcile(); err != nil || len(writes) > 0 {
		t.Errorf("the cache does not show the revision, and the controller wrote %v (%v)", writes, err)
	}
}

// noRevisions is a cache that shows no revision yet.
type noRevisions struct{ *apiView }

func (noRevisions) revisions(context.Context, types.NamespacedName) ([]*appsv1.ControllerRevision, error) {
	return nil, nil
}

// Everything that a set owned may be gone, and be made again and again, before the
// cache shows that the set is gone.
func TestNothingIsMadeForASetThatIsGoneAndStillInTheCache(t *testing.T) {
	for what, disturb := range map[string]func(w *world){
		"its status was refused": func(w *world) { w.setReady("web-0", corev1.ConditionFalse) },
		"its revision is gone": func(w *world) {
			if err := w.api.DeleteAllOf(w.t.Context(), &appsv1.ControllerRevision{}, client.InNamespace("default")); err != nil {
				w.t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, web(1))
			w.settle()
			then := w.set()
			disturb(w)
			if err := w.api.Delete(t.Context(), w.set()); err != nil {
				t.Fatal(err)
			}
			w.r.view = olderSet{&apiView{liveView: liveView{w.api}}, then}
			for range 2 { // the status is written when it has been behind for a while
				if _, _, err := w.reconcile(); err != nil {
					t.Fatal(err)
				}
				w.clock.Step(2 * statusDelay)
			}
			if err := w.api.DeleteAllOf(t.Context(), &corev1.Pod{}, client.InNamespace("default")); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				w.clock.Step(2 * statusDelay)
				if writes, _, err := w.reconcile(); err != nil || len(writes) > 0 {
					t.Fatalf("the set is gone, and the controller wrote %v (%v)", writes, err)
				}
			}
		})
	}
}

func hashOf(t *testing.T, set *appsv1.StatefulSet) string {
	t.Helper()
	p := plan.Make(plan.Snapshot{Set: set})
	return p.Status.UpdateRevision[len(set.Name)+1:]
}

func TestAnAnswerThatDidNotComeIsUncertain(t *testing.T) {
	timeout := apierrors.NewTimeoutError("too slow", 1)
	for _, err := range []error{
		errors.New("connection reset by peer"), context.DeadlineExceeded, timeout, apierrors.NewInternalError(errQuota),
		fmt.Errorf("create web-0: %w", timeout), errors.Join(apierrors.NewConflict(corev1.Resource("pods"), "web-0", nil), timeout),
	} {
		if !uncertain(err) {
			t.Errorf("%v: the write may have been made", err)
		}
	}
	for _, err := range []error{
		nil, apierrors.NewConflict(corev1.Resource("pods"), "web-0", nil), apierrors.NewTooManyRequests("later", 1),
		fmt.Errorf("create web-0: %w", apierrors.NewForbidden(corev1.Resource("pods"), "web-0", errQuota)),
	} {
		if uncertain(err) {
			t.Errorf("%v: the write was not made", err)
		}
	}
}
