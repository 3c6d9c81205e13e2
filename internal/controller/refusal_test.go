package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"ordinal.dev/ordinal/internal/plan"
)

// brokenHook is what an API server answers whose webhook cannot be reached.
func brokenHook(port int) error {
	return apierrors.NewInternalError(fmt.Errorf("failed calling webhook: read tcp 10.0.0.1:%d: connection reset by peer", port))
}

// A status that changes has the set looked at at once: there would be no pause.
func TestARefusalInEverNewWordsIsNotWrittenEachTime(t *testing.T) {
	w := newWorld(t, web(3))
	statuses := 0
	for port := range 20 {
		w.refuse["create pods"] = brokenHook(port)
		writes, _, err := w.reconcile()
		if err == nil {
			t.Fatal("no error")
		}
		if slices.Contains(writes, "status statefulsets web") {
			statuses++
		}
		w.clock.Step(lastRetry / 20)
	}
	if told := w.told("FailedCreate"); statuses > 2 || len(told) != 1 {
		t.Errorf("the status was written %d times and there are the events %v; want it told once", statuses, told)
	}
	w.clock.Step(lastRetry)
	w.refuse["create pods"] = brokenHook(443)
	for range 2 {
		_, _, _ = w.reconcile() // the refusal is what is asked for
	}
	if c := w.set().Status.Conditions[0]; !strings.Contains(c.Message, ":443") || len(w.told("FailedCreate")) != 2 {
		t.Errorf("half a minute later the condition says %q and the events are %v; want the new words", c.Message, w.told("FailedCreate"))
	}
}

func TestARefusalThatLastsIsRecordedAgainBeforeItsEventIsForgotten(t *testing.T) {
	w := newWorld(t, web(3))
	w.refuse["create pods"] = brokenHook(1)
	for began := w.clock.Now(); w.clock.Since(began) < repeatAfter+time.Minute; w.clock.Step(lastRetry) {
		_, _, _ = w.reconcile() // the refusal is what is asked for
	}
	if told := w.told("FailedCreate"); len(told) != 2 {
		t.Errorf("after %s the events are %v, want two", repeatAfter, told)
	}
}

// accept has the API server refuse to create what ok does not accept.
func (w *world) accept(ok func(client.Object) bool) {
	w.api = interceptor.NewClient(w.api, interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
		if !ok(o) {
			return apierrors.NewForbidden(kindOf(o).resource(), o.GetName(), errQuota)
		}
		return c.Create(ctx, o, opts...)
	}})
	w.r.executor.client, w.r.executor.fresh = w.api, w.api
	w.r.view = &apiView{liveView: liveView{w.api}}
}

func TestClaimsThatAreRefusedHoldUpNoPodThatHasItsOwn(t *testing.T) {
	set := web(8)
	set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	objects := []client.Object{set}
	for ordinal := 4; ordinal < 8; ordinal++ {
		objects = append(objects, claimOf(ordinal))
	}
	w := newWorld(t, objects...)
	w.accept(func(o client.Object) bool { return kindOf(o) != kindClaim })
	for range 3 {
		_, _, _ = w.reconcile() // the refusal is what is asked for
		w.clock.Step(lastRetry)
	}
	if got, want := w.podNames(), []string{"web-4", "web-5", "web-6", "web-7"}; !slices.Equal(got, want) {
		t.Errorf("pods %v, want %v", got, want)
	}
}

// What is deleted makes the room that the others need.
func TestAQuotaIsNoReasonNotToDelete(t *testing.T) {
	set := web(4)
	set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	w := newWorld(t, set)
	w.settle()
	w.accept(func(o client.Object) bool { return kindOf(o) != kindPod || len(w.pods()) < 4 })
	w.change(func(set *appsv1.StatefulSet) { set.Spec.Ordinals = &appsv1.StatefulSetOrdinals{Start: 4} })
	for range 10 {
		_, _, _ = w.reconcile() // the refusal is what is asked for
		w.clock.Step(lastRetry)
		w.becomeReady()
	}
	if got, want := w.podNames(), []string{"web-4", "web-5", "web-6", "web-7"}; !slices.Equal(got, want) {
		t.Errorf("pods %v, want %v", got, want)
	}
}

// A proxy before the API server may say of anything that there is no such page.
func TestWhatIsSaidToBeGoneAndIsNotIsLookedAtAgain(t *testing.T) {
	w := newWorld(t, web(3))
	w.settle()
	w.change(func(set *appsv1.StatefulSet) { set.Spec.Replicas = new(int32(2)) })
	w.refuse["delete pods"] = apierrors.NewGenericServerResponse(404, "delete", corev1.Resource("pods"), "web-2", "default backend", 0, true)
	_, _, _ = w.reconcile()
	delete(w.refuse, "delete pods")
	for began := w.clock.Now(); w.clock.Since(began) < longestStale; w.clock.Step(staleRetry) {
		if writes, _, err := w.reconcile(); len(writes) > 0 || err != nil {
			t.Fatalf("%s after the answer: wrote %v, %v", w.clock.Since(began), writes, err)
		}
	}
	for range 5 {
		_, _, err := w.reconcile()
		if err != nil {
			t.Fatal(err)
		}
		w.clock.Step(staleRetry)
	}
	if got, want := w.podNames(), []string{"web-0", "web-1"}; !slices.Equal(got, want) {
		t.Errorf("pods %v, want %v", got, want)
	}
}

func TestAFreshLookThatFailsIsRepeatedEverMoreSlowly(t *testing.T) {
	w := newWorld(t, web(3))
	w.settle()
	w.r.memories.forget(webKey) // another controller takes over
	w.r.executor.fresh = interceptor.NewClient(w.api, interceptor.Funcs{Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
		return errors.New("etcdserver: no leader")
	}})
	if _, result, err := w.reconcile(); err == nil || result.RequeueAfter != 0 {
		t.Errorf("comes back in %s with the error %v, want the pauses that follow errors", result.RequeueAfter, err)
	}
}

// Of many claims that are refused the first few are tried, told of once each, and the
// status tells of the first.
func TestRefusalsOfSeveralObjectsDoNotTakeTurns(t *testing.T) {
	set := web(100)
	set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	w := newWorld(t, set)
	w.accept(func(o client.Object) bool { return kindOf(o) != kindClaim })
	statuses, tries := 0, 0
	w.r.executor.each = func(n int, do func(int)) {
		tries += n
		inParallel(n, do)
	}
	for began := w.clock.Now(); w.clock.Since(began) < 5*time.Minute; w.clock.Step(5 * time.Second) {
		tries = 0
		writes, _, _ := w.reconcile() // the refusal is what is asked for
		if slices.Contains(writes, "status statefulsets web") {
			statuses++
		}
		if tries > mostFailures {
			t.Fatalf("%d claims were tried at once, want %d", tries, mostFailures)
		}
	}
	if told := w.told("FailedCreate"); statuses != 2 || len(told) != mostFailures {
		t.Errorf("the status was written %d times and there are %d events, want 2 and %d:\n%s", statuses, len(told), mostFailures, strings.Join(told, "\n"))
	}
	if about := slices.Compact(slices.Sorted(slices.Values(w.about))); len(about) != mostFailures {
		t.Errorf("to client-go these are %d events: %v", len(about), about)
	}
	if c := w.set().Status.Conditions[0]; !strings.Contains(c.Message, "data-web-0") {
		t.Errorf("the condition says %q, want what is wrong with the first", c.Message)
	}
}

func TestOfAWholeBatchThatIsRefusedTheFirstAreTold(t *testing.T) {
	w, actions := worldToFill(t, 64)
	m := w.r.memories.of(webKey)
	m.batch = pacing{size: 64}
	w.refuse["create pods"] = errQuota
	if _, _, err := w.r.executor.do(t.Context(), w.set(), actions, m); !errors.Is(err, errQuota) {
		t.Fatal(err)
	}
	if told := w.told("FailedCreate"); len(told) != mostFailures || len(m.refusals) != mostFailures {
		t.Errorf("%d events, and %d are remembered; want %d", len(told), len(m.refusals), mostFailures)
	}
}

func TestARefusalThatIsOverIsToldWhenItComesBack(t *testing.T) {
	w := newWorld(t, web(1))
	refuse := func() {
		w.refuse["create pods"] = errQuota
		_, _, _ = w.reconcile() // the refusal is what is asked for
		delete(w.refuse, "create pods")
	}
	refuse()
	w.settle()
	w.end("web-0")
	_, _, err := w.reconcile() // deletes it
	if err != nil {
		t.Fatal(err)
	}
	refuse()
	if told := w.told("FailedCreate"); len(told) != 2 {
		t.Errorf("told %v, want it twice", told)
	}
}

func TestAWarningThatLastsIsRecordedAgain(t *testing.T) {
	set := web(1)
	set.Annotations = map[string]string{plan.ProgressDeadlineAnnotation: "soon"}
	w := newWorld(t, set)
	w.settle()
	_, result, err := w.reconcile()
	if err != nil || result.RequeueAfter != repeatAfter {
		t.Fatalf("at rest it comes back in %s, %v; want %s", result.RequeueAfter, err, repeatAfter)
	}
	w.clock.Step(repeatAfter)
	if _, _, err := w.reconcile(); err != nil || len(w.told("InvalidAnnotation")) != 2 {
		t.Errorf("told %v, %v; want it twice", w.told("InvalidAnnotation"), err)
	}
}

func TestCachesThatCatchUpNowAndThenAreNotDoubted(t *testing.T) {
	m, now := &memory{caughtUp: true}, time.Now()
	if m.doubt(now) || m.doubt(now.Add(longestStale-1)) || !m.caughtUp {
		t.Error("doubted too early")
	}
	if !m.doubt(now.Add(longestStale)) || m.caughtUp || !m.uncertain || !m.staleSince.IsZero() {
		t.Errorf("after %s: %+v, want it to look as after a start", longestStale, m)
	}
	w := newWorld(t, web(1))
	w.settle()
	m = w.r.memories.of(webKey)
	m.doubt(w.clock.Now())
	w.settle() // the caches show all
	if !m.staleSince.IsZero() {
		t.Error("it is to be doubted for what is over")
	}
}

// To kstatus a refusal that is final is a failure for good.
func TestOnlyWhatNobodyElseCanMendIsRefusedForGood(t *testing.T) {
	pods, kind := corev1.Resource("pods"), corev1.SchemeGroupVersion.WithKind("Pod").GroupKind()
	image := field.ErrorList{field.Required(field.NewPath("spec", "containers").Index(0).Child("image"), "")}
	denied := func(code int32, message string) error {
		return &apierrors.StatusError{ErrStatus: metav1.Status{Code: code, Reason: metav1.StatusReasonInvalid, Message: message}}
	}
	for what, test := range map[string]struct {
		err  error
		want bool
	}{
		"invalid":    {apierrors.NewInvalid(kind, "web-0", image), true},
		"malformed":  {apierrors.NewBadRequest("no kind"), true},
		"too large":  {apierrors.NewRequestEntityTooLargeError("limit is 3145728"), true},
		"quota":      {apierrors.NewForbidden(pods, "web-0", errQuota), false},
		"broken":     {brokenHook(1), false},
		"conflict":   {apierrors.NewConflict(pods, "web-0", errQuota), false},
		"no answer":  {errors.New("connection reset by peer"), false},
		"by webhook": {denied(422, `admission webhook "a.example" denied the request: no`), false},
		"by policy":  {denied(422, `pods "web-0" is forbidden: ValidatingAdmissionPolicy 'a' with binding 'b' denied request: no`), false},
	} {
		w := newWorld(t, web(1))
		w.refuse["create pods"] = test.err
		_, _, _ = w.reconcile() // the refusal is what is asked for
		refused := w.r.memories.of(webKey).refused
		if got := refused != nil && refused.Final; got != test.want {
			t.Errorf("%s: %+v, want final to be %t", what, refused, test.want)
		}
	}
}
