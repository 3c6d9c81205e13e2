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
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/controller/snapshot"
	"ordinal.dev/ordinal/internal/controller/timing"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/revision"
)

// pastView is a cache that shows pods as they once were, at version 1.
type pastView struct {
	*apiView
	then []*corev1.Pod
}

func (v *pastView) Pods(context.Context, types.NamespacedName) ([]*corev1.Pod, error) {
	return v.then, nil
}

func (v *pastView) Object(k kinds.Kind, key types.NamespacedName) metav1.Object {
	for _, pod := range v.then {
		if k == kinds.Pod && pod.Name == key.Name {
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
	past := &pastView{apiView: w.view.cache.(*apiView), then: []*corev1.Pod{member(0), member(1)}} // web-1 is gone
	w.view.cache = past
	if writes, result, err := w.reconcile(); err != nil || len(writes) > 0 || result.RequeueAfter == 0 {
		t.Errorf("the cache shows a pod that is gone, and the controller wrote %v (%v, %v)", writes, result, err)
	}
	past.then = []*corev1.Pod{w.Pod("web-0")}
	if writes, _, err := w.reconcile(); err != nil || !slices.Contains(writes, "create controllerrevisions web-"+hashOf(t, set)) {
		t.Errorf("the cache shows what is so, and the controller wrote %v (%v)", writes, err)
	}
}

// restlessView is a cache that is behind as soon as it was read: a pod changes each time.
type restlessView struct {
	*apiView
	change func()
}

func (v restlessView) Pods(ctx context.Context, set types.NamespacedName) ([]*corev1.Pod, error) {
	defer v.change()
	return v.apiView.Pods(ctx, set)
}

func TestANewControllerActsOnASetWhosePodsChangeAllTheTime(t *testing.T) {
	set := web(2)
	set.Status.ObservedGeneration = 1
	pod := orphan(0)
	pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(set, identity.SetKind)}
	w := newWorld(t, set, claimOf(0), claimOf(1), pod)
	w.view.cache = restlessView{w.view.cache.(*apiView), func() {
		pod := w.Pod("web-0")
		pod.Status.ObservedGeneration++
		if err := w.API.Status().Update(t.Context(), pod); err != nil {
			t.Error(err)
		}
	}}
	creates := func(write string) bool { return strings.HasPrefix(write, "create") }
	if writes, _, err := w.reconcile(); err != nil || slices.ContainsFunc(writes, creates) {
		t.Errorf("on a cache that is behind, the controller wrote %v (%v)", writes, err)
	}
	if writes, _, err := w.reconcile(); err != nil || !slices.ContainsFunc(writes, creates) {
		t.Errorf("on a cache that shows what was so at the first read, the controller wrote %v (%v)", writes, err)
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
	past := &pastView{apiView: w.behind(kinds.Pod)}
	w.view.cache, w.live.Reader = past, listedAt{w.API, "500"}
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
	w.r.memories.of(webKey).writes.Expectations.Reset()
	if writes, _, err := w.reconcile(); err != nil || len(writes) == 0 {
		t.Errorf("the cache shows a pod that was made since, and the controller wrote %v (%v)", writes, err)
	}
}

// setReady has a pod become ready, or not.
func (w *world) setReady(pod string, ready corev1.ConditionStatus) {
	w.T.Helper()
	p := w.Pod(pod)
	p.Status.Conditions[0].Status = ready
	if err := w.API.Status().Update(w.T.Context(), p); err != nil {
		w.T.Fatal(err)
	}
}

// olderSet is a cache that shows the set as it once was.
type olderSet struct {
	*apiView
	then *appsv1.StatefulSet
}

func (v olderSet) Set(context.Context, types.NamespacedName) (*appsv1.StatefulSet, error) {
	return v.then, nil
}

func (v olderSet) Object(k kinds.Kind, key types.NamespacedName) metav1.Object {
	if k == kinds.Set {
		return v.then
	}
	return v.apiView.Object(k, key)
}

func TestAStatusThatIsRefusedTwiceIsNotWrittenAgainBeforeTheCacheShowsWhy(t *testing.T) {
	w := newWorld(t, web(1))
	w.settle()
	current := w.view.cache
	w.view.cache = olderSet{w.behind(kinds.Set), w.Set()}
	w.Change(func(set *appsv1.StatefulSet) { metav1.SetMetaDataAnnotation(&set.ObjectMeta, "note", "new") })
	w.setReady("web-0", corev1.ConditionFalse)
	refused := 0
	for range 6 {
		writes, _, err := w.reconcile()
		if err != nil {
			t.Fatal(err)
		}
		refused += len(writes)
		w.Clock.Step(2 * timing.StatusDelay)
	}
	if refused != 2 {
		t.Errorf("the status was tried %d times on a cache that is behind, want 2", refused)
	}
	w.view.cache = current
	if writes, _, err := w.reconcile(); err != nil || len(writes) != 1 {
		t.Errorf("the cache shows the set as it is, and the controller wrote %v (%v)", writes, err)
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

func TestAReadThatFailsIsNotTakenForOne(t *testing.T) {
	set := web(3)
	r, err := revision.New(set, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	set.Status.ObservedGeneration, set.Status.UpdateRevision = 1, r.Name
	w := newWorld(t, set, r)
	w.view.cache, w.live.Reader = &noRevisions{w.view.cache.(*apiView)}, &failsOnce{Reader: w.API}
	if _, _, err := w.reconcile(); err == nil {
		t.Fatal("the API server did not answer, and nobody was told")
	}
	if writes, _, err := w.reconcile(); err != nil || len(writes) > 0 {
		t.Errorf("the cache does not show the revision, and the controller wrote %v (%v)", writes, err)
	}
}

// noRevisions is a cache that shows no revision yet.
type noRevisions struct{ *apiView }

func (noRevisions) Revisions(context.Context, types.NamespacedName) ([]*appsv1.ControllerRevision, error) {
	return nil, nil
}

// Everything that a set owned may be gone, and be made again and again, before the
// cache shows that the set is gone.
func TestNothingIsMadeForASetThatIsGoneAndStillInTheCache(t *testing.T) {
	for what, disturb := range map[string]func(w *world){
		"its status was refused": func(w *world) { w.setReady("web-0", corev1.ConditionFalse) },
		"its revision is gone": func(w *world) {
			if err := w.API.DeleteAllOf(w.T.Context(), &appsv1.ControllerRevision{}, client.InNamespace("default")); err != nil {
				w.T.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, web(1))
			w.settle()
			then := w.Set()
			disturb(w)
			if err := w.API.Delete(t.Context(), w.Set()); err != nil {
				t.Fatal(err)
			}
			w.view.cache = olderSet{w.current(), then}
			for range 2 { // the status is written when it has been behind for a while
				if _, _, err := w.reconcile(); err != nil {
					t.Fatal(err)
				}
				w.Clock.Step(2 * timing.StatusDelay)
			}
			if err := w.API.DeleteAllOf(t.Context(), &corev1.Pod{}, client.InNamespace("default")); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				w.Clock.Step(2 * timing.StatusDelay)
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

// A proxy before the API server may say of anything that there is no such page.
func TestWhatIsSaidToBeGoneAndIsNotIsLookedAtAgain(t *testing.T) {
	w := newWorld(t, web(3))
	w.settle()
	w.Change(func(set *appsv1.StatefulSet) { set.Spec.Replicas = new(int32(2)) })
	w.Refuse["delete pods"] = apierrors.NewGenericServerResponse(404, "delete", corev1.Resource("pods"), "web-2", "default backend", 0, true)
	_, _, _ = w.reconcile()
	delete(w.Refuse, "delete pods")
	for began := w.Clock.Now(); w.Clock.Since(began) < snapshot.LongestStale; w.Clock.Step(staleRetry) {
		if writes, _, err := w.reconcile(); len(writes) > 0 || err != nil {
			t.Fatalf("%s after the answer: wrote %v, %v", w.Clock.Since(began), writes, err)
		}
	}
	for range 5 {
		_, _, err := w.reconcile()
		if err != nil {
			t.Fatal(err)
		}
		w.Clock.Step(staleRetry)
	}
	if got, want := w.PodNames(), []string{"web-0", "web-1"}; !slices.Equal(got, want) {
		t.Errorf("pods %v, want %v", got, want)
	}
}

func TestALiveReadThatFailsIsRepeatedEverMoreSlowly(t *testing.T) {
	w := newWorld(t, web(3))
	w.settle()
	w.r.memories.forget(webKey) // another controller takes over
	w.live.Reader = interceptor.NewClient(w.API, interceptor.Funcs{Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
		return errors.New("etcdserver: no leader")
	}})
	if _, result, err := w.reconcile(); err == nil || result.RequeueAfter != 0 {
		t.Errorf("comes back in %s with the error %v, want the pauses that follow errors", result.RequeueAfter, err)
	}
}

// A revision is the set's by its owner. Labels are edited in bulk: if that hid them, each
// pod would be replaced by one of a revision with another name.
func TestARevisionWithoutItsLabelsIsStillTheSets(t *testing.T) {
	w := newWorld(t, web(2))
	w.settle()
	var revisions appsv1.ControllerRevisionList
	if err := w.API.List(t.Context(), &revisions); err != nil || len(revisions.Items) != 1 {
		t.Fatalf("revisions %v, %v", revisions.Items, err)
	}
	r := &revisions.Items[0]
	r.Labels = nil
	if err := w.API.Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if writes := w.settle(); slices.ContainsFunc(writes, func(write string) bool { return write != "status statefulsets web" }) {
		t.Errorf("wrote %v, want nothing done", writes)
	}
}
