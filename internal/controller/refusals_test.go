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

	"ordinal.dev/ordinal/internal/controller/apply"
	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/controller/timing"
	"ordinal.dev/ordinal/internal/plan"
)

func TestANamespaceThatIsBeingDeletedIsNotComplainedAbout(t *testing.T) {
	w := newWorld(t, web(3))
	terminating := apierrors.NewForbidden(corev1.Resource("pods"), "web-0", errors.New("namespace is being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	w.Refuse["create pods"] = terminating
	if _, _, err := w.reconcile(); err == nil {
		t.Error("no error, so it is not tried again")
	}
	if slices.ContainsFunc(w.Events, func(e string) bool { return strings.HasPrefix(e, "FailedCreate") }) {
		t.Errorf("events %q: nothing can be created, and nobody needs to know", w.Events)
	}
}

// brokenHook is what an API server answers whose webhook cannot be reached.
func brokenHook(port int) error {
	return apierrors.NewInternalError(fmt.Errorf("failed calling webhook: read tcp 10.0.0.1:%d: connection reset by peer", port))
}

// A status that changes has the set looked at at once: there would be no pause.
func TestARefusalInEverNewWordsIsNotWrittenEachTime(t *testing.T) {
	w := newWorld(t, web(3))
	statuses := 0
	for port := range 20 {
		w.Refuse["create pods"] = brokenHook(port)
		writes, _, err := w.reconcile()
		if err == nil {
			t.Fatal("no error")
		}
		if slices.Contains(writes, "status statefulsets web") {
			statuses++
		}
		w.Clock.Step(timing.LastRetry / 20)
	}
	if told := w.Told("FailedCreate"); statuses > 2 || len(told) != 1 {
		t.Errorf("the status was written %d times and there are the events %v; want it told once", statuses, told)
	}
	w.Clock.Step(timing.LastRetry)
	w.Refuse["create pods"] = brokenHook(443)
	for range 2 {
		_, _, _ = w.reconcile() // the refusal is what is asked for
	}
	if c := w.Set().Status.Conditions[0]; !strings.Contains(c.Message, ":443") || len(w.Told("FailedCreate")) != 2 {
		t.Errorf("half a minute later the condition says %q and the events are %v; want the new words", c.Message, w.Told("FailedCreate"))
	}
}

func TestARefusalThatLastsIsRecordedAgainBeforeItsEventIsForgotten(t *testing.T) {
	w := newWorld(t, web(3))
	w.Refuse["create pods"] = brokenHook(1)
	for began := w.Clock.Now(); w.Clock.Since(began) < warnedAgain+time.Minute; w.Clock.Step(timing.LastRetry) {
		_, _, _ = w.reconcile() // the refusal is what is asked for
	}
	if told := w.Told("FailedCreate"); len(told) != 2 {
		t.Errorf("after %s the events are %v, want two", warnedAgain, told)
	}
}

// accept has the API server refuse to create what ok does not accept.
func (w *world) accept(ok func(client.Object) bool) {
	w.API = interceptor.NewClient(w.API, interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
		if !ok(o) {
			return apierrors.NewForbidden(kinds.Of(o).Resource(), o.GetName(), errQuota)
		}
		return c.Create(ctx, o, opts...)
	}})
	w.r.writer.Client, w.live.Reader = w.API, w.API
	w.view.cache = w.current()
}

func TestClaimsThatAreRefusedHoldUpNoPodThatHasItsOwn(t *testing.T) {
	set := web(8)
	set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	objects := []client.Object{set}
	for ordinal := 4; ordinal < 8; ordinal++ {
		objects = append(objects, claimOf(ordinal))
	}
	w := newWorld(t, objects...)
	w.accept(func(o client.Object) bool { return kinds.Of(o) != kinds.Claim })
	for range 3 {
		_, _, _ = w.reconcile() // the refusal is what is asked for
		w.Clock.Step(timing.LastRetry)
	}
	if got, want := w.PodNames(), []string{"web-4", "web-5", "web-6", "web-7"}; !slices.Equal(got, want) {
		t.Errorf("pods %v, want %v", got, want)
	}
}

// What is deleted makes the room that the others need.
func TestAQuotaIsNoReasonNotToDelete(t *testing.T) {
	set := web(4)
	set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	w := newWorld(t, set)
	w.settle()
	w.accept(func(o client.Object) bool { return kinds.Of(o) != kinds.Pod || len(w.Pods()) < 4 })
	w.Change(func(set *appsv1.StatefulSet) { set.Spec.Ordinals = &appsv1.StatefulSetOrdinals{Start: 4} })
	for range 10 {
		_, _, _ = w.reconcile() // the refusal is what is asked for
		w.Clock.Step(timing.LastRetry)
		w.becomeReady()
	}
	if got, want := w.PodNames(), []string{"web-4", "web-5", "web-6", "web-7"}; !slices.Equal(got, want) {
		t.Errorf("pods %v, want %v", got, want)
	}
}

// Of many claims that are refused the first few are tried, told of once each, and the
// status tells of the first.
func TestRefusalsOfSeveralObjectsDoNotTakeTurns(t *testing.T) {
	const mostTries = 3 // of writes of a sort that fail
	set := web(100)
	set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	w := newWorld(t, set)
	w.accept(func(o client.Object) bool { return kinds.Of(o) != kinds.Claim })
	statuses, tries := 0, 0
	w.r.writer.Each = func(n int, do func(int)) {
		tries += n
		apply.InParallel(n, do)
	}
	for began := w.Clock.Now(); w.Clock.Since(began) < 5*time.Minute; w.Clock.Step(5 * time.Second) {
		tries = 0
		writes, _, _ := w.reconcile() // the refusal is what is asked for
		if slices.Contains(writes, "status statefulsets web") {
			statuses++
		}
		if tries > mostTries {
			t.Fatalf("%d claims were tried at once, want %d", tries, mostTries)
		}
	}
	if told := w.Told("FailedCreate"); statuses != 1 || len(told) != mostTries {
		t.Errorf("the status was written %d times and there are %d events, want 1 and %d:\n%s", statuses, len(told), mostTries, strings.Join(told, "\n"))
	}
	if about := slices.Compact(slices.Sorted(slices.Values(w.About))); len(about) != mostTries {
		t.Errorf("to client-go these are %d events: %v", len(about), about)
	}
	if c := w.Set().Status.Conditions[0]; !strings.Contains(c.Message, "data-web-0") {
		t.Errorf("the condition says %q, want what is wrong with the first", c.Message)
	}
}

func TestARefusalThatIsOverIsToldWhenItComesBack(t *testing.T) {
	w := newWorld(t, web(1))
	refuse := func() {
		w.Refuse["create pods"] = errQuota
		_, _, _ = w.reconcile() // the refusal is what is asked for
		delete(w.Refuse, "create pods")
	}
	refuse()
	w.settle()
	w.end("web-0")
	_, _, err := w.reconcile() // deletes it
	if err != nil {
		t.Fatal(err)
	}
	refuse()
	if told := w.Told("FailedCreate"); len(told) != 2 {
		t.Errorf("told %v, want it twice", told)
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
		"quota":      {apierrors.NewForbidden(pods, "web-0", errors.New("exceeded quota")), false},
		"broken":     {brokenHook(1), false},
		"conflict":   {apierrors.NewConflict(pods, "web-0", errors.New("exceeded quota")), false},
		"no answer":  {errors.New("connection reset by peer"), false},
		"by webhook": {denied(422, `admission webhook "a.example" denied the request: no`), false},
		"by policy":  {denied(422, `pods "web-0" is forbidden: ValidatingAdmissionPolicy 'a' with binding 'b' denied request: no`), false},
	} {
		w := newWorld(t, web(1))
		w.Refuse["create pods"] = test.err
		_, _, _ = w.reconcile() // the refusal is what is asked for
		refused := w.r.memories.of(webKey).report.Refused()
		if got := refused != nil && refused.Final; got != test.want {
			t.Errorf("%s: %+v, want final to be %t", what, refused, test.want)
		}
	}
}

// Another object is refused in each plan: each would be a status of its own.
func TestRefusalsThatAreNewEachTimeAreToldOnceASecond(t *testing.T) {
	w := newWorld(t, web(1))
	statuses := 0
	for i := range 50 {
		w.Refuse["create pods"] = apierrors.NewForbidden(corev1.Resource("pods"), fmt.Sprint(i), errors.New("no"))
		writesOf := w.r.reporter.WritesOf(w.Set(), &w.r.memories.of(webKey).report)
		writesOf.Refused(kinds.Pod, fmt.Sprintf("web-%d", i), plan.Event{Reason: "FailedCreate", Message: fmt.Sprint(i)}, false, true)
		writes, _, _ := w.reconcile() // what is refused is asked for
		if slices.Contains(writes, "status statefulsets web") {
			statuses++
		}
		w.Clock.Step(100 * time.Millisecond)
	}
	if statuses < 2 || statuses > 10 {
		t.Errorf("%d statuses in five seconds, want one a second or two at most", statuses)
	}
}
