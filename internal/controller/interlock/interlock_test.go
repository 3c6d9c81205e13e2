package interlock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"

	appsv1 "k8s.io/api/apps/v1"

	"ordinal.dev/ordinal/internal/fence"
)

// scene is an interlock, and an API server that answers test writes.
type scene struct {
	*testing.T
	*Interlock
	clock  *testingclock.FakeClock
	answer func(namespace, set string) error // to test writes
	mayNot error                             // what the controller lacks
	told   []string
	tested []string
}

func newScene(t *testing.T, mode string) *scene {
	s := &scene{T: t, clock: testingclock.NewFakeClock(time.Now()), answer: func(string, string) error { return denial }}
	s.Interlock = New(mode, s.clock, s)
	s.Seen()
	s.Policy(fence.Policy())
	s.Binding(fence.Binding())
	s.told = nil
	return s
}

// denial is what the API server answers behind the fence.
var denial = apierrors.NewForbidden(appsv1.Resource("controllerrevisions"), "", fmt.Errorf(
	"ValidatingAdmissionPolicy '%s' with binding '%[1]s' denied request: %s", fence.Name, fence.Policy().Spec.Validations[0].Message))

func (s *scene) Acts(namespace string)       { s.told = append(s.told, namespace+" acts") }
func (s *scene) Stops(namespace, why string) { s.told = append(s.told, namespace+" stops: "+why) }
func (s *scene) FenceIs(why string)          { s.told = append(s.told, "fence: "+why) }
func (s *scene) Wake(string)                 {}
func (s *scene) Probed(string)               {}
func (s *scene) Changed()                    {}

func (s *scene) Probe(_ context.Context, namespace, set string) error {
	s.tested = append(s.tested, namespace+"/"+set)
	return s.answer(namespace, set)
}
func (s *scene) MayWrite(context.Context, string) error { return s.mayNot }

// pass lets time pass, in which test writes are made when they are due.
func (s *scene) pass(d time.Duration) {
	for end := s.clock.Now().Add(d); s.clock.Now().Before(end); {
		step := min(s.Interlock.Probe(s.Context(), s), end.Sub(s.clock.Now()))
		s.clock.Step(step)
	}
	s.Interlock.Probe(s.Context(), s)
}

// namespace is one with a label and annotations, in pairs.
func namespace(name, label string, annotations ...string) *corev1.Namespace {
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{}}}
	if label != "" {
		n.Labels = map[string]string{fence.Label: label}
	}
	for pair := range slices.Chunk(annotations, 2) {
		n.Annotations[pair[0]] = pair[1]
	}
	return n
}

// acts expects the controller to act on a set, or not.
func (s *scene) acts(set string, want bool) {
	s.Helper()
	space, name, _ := strings.Cut(set, "/")
	answer := s.MayAct(types.NamespacedName{Namespace: space, Name: name})
	if (answer.Why == "") != want {
		s.Errorf("%s is acted on: %t (%s)", set, !want, answer.Why)
	}
}

// expect compares what has been told since it was last called, by how each begins.
func (s *scene) expect(want ...string) {
	s.Helper()
	if !slices.EqualFunc(s.told, want, strings.HasPrefix) {
		s.Errorf("told %q, want %q", s.told, want)
	}
	s.told = nil
}

func TestNothingIsDoneBeforeTheFenceIsProvenForTenSeconds(t *testing.T) {
	s := newScene(t, fence.Fenced)
	s.acts("db/web", false)
	s.Namespace(namespace("db", fence.Ordinal), false)
	s.pass(9 * time.Second)
	s.acts("db/web", false)
	s.expect()
	s.pass(time.Second)
	s.acts("db/web", true)
	s.acts("other/web", false)
	s.expect("db acts")
}

func TestATestWriteThatIsAcceptedBeginsTheProofAnew(t *testing.T) {
	s := newScene(t, fence.Fenced)
	s.Namespace(namespace("db", fence.Ordinal), false)
	s.pass(8 * time.Second)
	s.answer = func(string, string) error { return nil } // another API server, which has no policy yet
	s.pass(time.Second)
	s.answer = func(string, string) error { return denial }
	s.pass(9 * time.Second)
	s.acts("db/web", false)
	s.pass(2 * time.Second)
	s.acts("db/web", true)
}

// Refused for another reason is no proof.
func TestOnlyTheFencesRefusalsCount(t *testing.T) {
	for name, err := range map[string]error{
		"another policy":         apierrors.NewForbidden(appsv1.Resource("controllerrevisions"), "", errors.New("ValidatingAdmissionPolicy 'theirs' denied request")),
		"no such permission":     apierrors.NewForbidden(appsv1.Resource("controllerrevisions"), "", errors.New("cannot impersonate")),
		"the server has trouble": apierrors.NewInternalError(errors.New("etcd")),
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, fence.Fenced)
			s.answer = func(string, string) error { return err }
			s.Namespace(namespace("db", fence.Ordinal), false)
			s.pass(time.Minute)
			s.acts("db/web", false)
			if why := s.MayAct(types.NamespacedName{Namespace: "db", Name: "web"}).Why; !strings.Contains(why, err.Error()) {
				t.Errorf("it says %q, and not why", why)
			}
		})
	}
}

func TestWithoutPermissionNothingIsActedOn(t *testing.T) {
	s := newScene(t, fence.Fenced)
	s.mayNot = apierrors.NewForbidden(corev1.Resource("pods"), "", errors.New("the RoleBinding is missing"))
	s.Namespace(namespace("db", fence.Ordinal), false)
	s.pass(time.Minute)
	s.acts("db/web", false)
	s.mayNot = nil
	s.pass(failedEvery + proofTime)
	s.acts("db/web", true)
}

// proven is a scene with a namespace db that is acted on.
func proven(t *testing.T) *scene {
	s := newScene(t, fence.Fenced)
	s.Namespace(namespace("db", fence.Ordinal), false)
	s.pass(proofTime)
	s.acts("db/web", true)
	s.told = nil
	return s
}

func TestWhatEndsTheFenceEndsTheActingAtOnce(t *testing.T) {
	altered := fence.Policy()
	altered.Spec.Validations[0].Expression = "true"
	unbound := fence.Binding()
	unbound.Spec.ValidationActions[0] = "Audit"
	going := fence.Policy()
	going.DeletionTimestamp = &metav1.Time{}
	for name, test := range map[string]struct {
		end  func(*scene)
		mend func(*scene)
		why  string
	}{
		"the policy is deleted":  {func(s *scene) { s.Policy(nil) }, func(s *scene) { s.Policy(fence.Policy()) }, "the policy fence.ordinal.dev is missing"},
		"the policy is altered":  {func(s *scene) { s.Policy(altered) }, func(s *scene) { s.Policy(fence.Policy()) }, "the policy fence.ordinal.dev is not as it must be"},
		"the policy is going":    {func(s *scene) { s.Policy(going) }, func(s *scene) { s.Policy(fence.Policy()) }, "the policy fence.ordinal.dev is being deleted"},
		"the binding is gone":    {func(s *scene) { s.Binding(nil) }, func(s *scene) { s.Binding(fence.Binding()) }, "the binding fence.ordinal.dev is missing"},
		"the binding is another": {func(s *scene) { s.Binding(unbound) }, func(s *scene) { s.Binding(fence.Binding()) }, "the binding fence.ordinal.dev is not as it must be"},
		"the label is gone": {func(s *scene) { s.Namespace(namespace("db", ""), false) },
			func(s *scene) { s.Namespace(namespace("db", fence.Ordinal), false) }, "namespace db is not Ordinal's any more"},
		"the namespace is gone": {func(s *scene) { s.Namespace(namespace("db", fence.Ordinal), true) },
			func(s *scene) { s.Namespace(namespace("db", fence.Ordinal), false) }, "namespace db is not Ordinal's any more"},
	} {
		t.Run(name, func(t *testing.T) {
			s := proven(t)
			test.end(s)
			s.acts("db/web", false)
			if !slices.ContainsFunc(s.told, func(told string) bool { return strings.HasPrefix(told, "db stops: "+test.why) }) {
				t.Errorf("told %q, want why it stops", s.told)
			}
			s.pass(time.Minute)
			s.acts("db/web", false)
			test.mend(s)
			s.pass(proofTime - time.Second)
			s.acts("db/web", false)
			s.pass(2 * time.Second)
			s.acts("db/web", true)
		})
	}
}

func TestWhatIsProvenIsTestedNowAndThen(t *testing.T) {
	s := proven(t)
	s.Namespace(namespace("web", fence.Ordinal), false)
	s.pass(proofTime)
	s.tested = nil
	s.pass(2 * time.Minute)
	if len(s.tested) != 4 || !slices.Contains(s.tested, "web/any") || !slices.Contains(s.tested, "db/any") {
		t.Errorf("in two minutes these were tested: %v, want one in 30 s, each in turn", s.tested)
	}
	s.answer = func(string, string) error { return nil } // an API server that was started without policies
	s.pass(checkEvery)
	if s.told = slices.DeleteFunc(s.told, func(told string) bool { return !strings.Contains(told, "stops: the fence does not hold") }); len(s.told) == 0 {
		t.Error("a test write was accepted, and nothing stops")
	}
}

func TestAnAPIServerThatDoesNotAnswerIsNoReasonToStop(t *testing.T) {
	s := proven(t)
	s.answer = func(string, string) error { return context.DeadlineExceeded }
	s.pass(5 * time.Minute)
	s.acts("db/web", true)
}

func TestSomeSetsOfANamespace(t *testing.T) {
	s := newScene(t, fence.Fenced)
	s.Namespace(namespace("db", fence.OrdinalSets, fence.SetsAnnotation, "web,kv", fence.ClaimsAnnotation, "data-web"), false)
	s.pass(proofTime)
	s.acts("db/web", true)
	s.acts("db/other", false)
	if !slices.Contains(s.tested, "db/web") || !slices.Contains(s.tested, "db/kv") {
		t.Errorf("tested %v, and not each set", s.tested)
	}
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: "db", Name: "web"}}
	for _, template := range []string{"data", "logs"} {
		set.Spec.VolumeClaimTemplates = append(set.Spec.VolumeClaimTemplates, corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: template}})
		why, want := s.Set(set), template == "data"
		if (why == "") != want {
			t.Errorf("with claims of %s: %q", template, why)
		}
	}
	why := func() string { r := s.Record("v", func(string) []string { return nil }); return r.Of("db").Why }
	if !strings.Contains(why(), "claims logs-web-*") {
		t.Errorf("the record says %q", why())
	}
	s.Gone("db", "web")
	if why() != "" {
		t.Errorf("it is gone, and the record says %q", why())
	}
	set.Spec.VolumeClaimTemplates = set.Spec.VolumeClaimTemplates[:1] // made anew, as it was
	if why := s.Set(set); why != "" {
		t.Error(why)
	}
	s.Namespace(namespace("db", fence.OrdinalSets, fence.SetsAnnotation, "web,kv", fence.ClaimsAnnotation, "data-web,logs-web"), false)
	s.acts("db/web", false)
	s.pass(proofTime)
	s.acts("db/web", true)
}

func TestOnTheWholeClusterANamespaceCanBeOptedOut(t *testing.T) {
	s := newScene(t, fence.WholeCluster)
	s.acts("db/web", true)
	s.Namespace(namespace("db", fence.InTree), false)
	s.acts("db/web", false)
	s.acts("other/web", true)
	s.Namespace(namespace("db", ""), false)
	s.acts("db/web", true)
	if len(s.tested) > 0 {
		t.Error("test writes are made where there is no fence")
	}
}

func TestBeforeTheNamespacesAreSeenNothingIsDone(t *testing.T) {
	i := New(fence.WholeCluster, testingclock.NewFakeClock(time.Now()), &scene{})
	set := types.NamespacedName{Namespace: "db", Name: "web"}
	if i.MayAct(set).Why == "" {
		t.Error("it may be one that is opted out")
	}
	i.Seen()
	if why := i.MayAct(set).Why; why != "" {
		t.Error(why)
	}
}

func TestASetLeavesWhileItIsFenced(t *testing.T) {
	s := proven(t)
	s.Namespace(namespace("db", fence.Ordinal, fence.LeavingAnnotation, "web"), false)
	s.expect()
	if answer := s.MayAct(types.NamespacedName{Namespace: "db", Name: "web"}); answer.Why != "" || !answer.Leaving {
		t.Errorf("what was set on it cannot be taken back: %+v", answer)
	}
	if answer := s.MayAct(types.NamespacedName{Namespace: "db", Name: "kv"}); answer.Leaving {
		t.Error("the other one leaves, too")
	}
	record := func() fence.NamespaceRecord {
		r := s.Record("v", func(string) []string { return []string{"web", "kv"} })
		return *r.Of("db")
	}
	if r := record(); r.State != fence.Leaving || len(r.Left) != 0 {
		t.Errorf("before anything was taken back: %+v", r)
	}
	s.Left("db", "kv") // which stays
	s.Left("db", "web")
	if r := record(); r.State != fence.Left || !slices.Equal(r.Left, []string{"web"}) {
		t.Errorf("all was taken back: %+v", r)
	}
	s.Namespace(namespace("db", fence.Ordinal, fence.LeavingAnnotation, fence.All), false)
	s.Left("db", "web")
	if r := record(); r.State != fence.Leaving {
		t.Errorf("of one of two all was taken back: %+v", r)
	}
	s.Left("db", "kv")
	if r := record(); r.State != fence.Left || !slices.Equal(r.Left, []string{fence.All}) {
		t.Errorf("of both all was taken back: %+v", r)
	}
}

func TestTheRecordSaysHowEachNamespaceStands(t *testing.T) {
	s := proven(t)
	s.Namespace(namespace("new", fence.Ordinal), false)
	s.pass(time.Second)
	s.Namespace(namespace("sets", fence.OrdinalSets, fence.SetsAnnotation, "web"), false)
	none := func(string) []string { return nil }
	r := s.Record("v1", none)
	var got []string
	for _, n := range r.Namespaces {
		got = append(got, fmt.Sprint(n.Name, n.Sets, n.State))
	}
	if want := []string{"db[]Acting", "new[]Proving", "sets[web]Proving"}; !slices.Equal(got, want) || r.Version != "v1" || r.Mode != fence.Fenced || r.Fence != "" {
		t.Errorf("got %v and %+v, want %v", got, r, want)
	}
	s.Binding(nil)
	r = s.Record("v1", none)
	if n := r.Of("db"); n.State != fence.Stopped || n.Why != r.Fence || !strings.Contains(r.Fence, "is missing") {
		t.Errorf("without a binding: %+v, %q", n, r.Fence)
	}
	if err := s.Down(); err == nil || !strings.Contains(err.Error(), "3 namespaces") {
		t.Errorf("readiness says %v", err)
	}
}

// What was refused before was about other sets.
func TestAnotherSetBeginsTheProofAnew(t *testing.T) {
	s := newScene(t, fence.Fenced)
	s.Namespace(namespace("db", fence.OrdinalSets, fence.SetsAnnotation, "web"), false)
	s.pass(proofTime - time.Second)
	s.Namespace(namespace("db", fence.OrdinalSets, fence.SetsAnnotation, "kv,web"), false)
	s.pass(proofTime - time.Second)
	s.acts("db/kv", false)
	s.pass(2 * time.Second)
	s.acts("db/kv", true)
}

// A watch that was away shows the same policy, and another one has been there in between.
func TestWhatHasBeenAwayIsProvenAnew(t *testing.T) {
	policy, space := fence.Policy(), namespace("db", fence.Ordinal)
	policy.UID, space.UID = "another", "another"
	for name, again := range map[string]func(*scene){
		"the policy":    func(s *scene) { s.Policy(policy) },
		"the namespace": func(s *scene) { s.Namespace(space, false) },
	} {
		s := proven(t)
		again(s)
		s.acts("db/web", false)
		s.pass(proofTime - time.Second)
		s.acts("db/web", false)
		s.pass(time.Second)
		if s.acts("db/web", true); t.Failed() {
			t.Log(name)
		}
	}
}
