package guard

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"

	"ordinal.dev/ordinal/internal/controller/kinds"
)

// scene is a guard that knows some sets, and what it has told.
type scene struct {
	*testing.T
	*Guard
	clock *testingclock.FakeClock
	sets  map[string]*appsv1.StatefulSet // by "namespace/name"
	told  []string
}

func newScene(t *testing.T, sets ...*appsv1.StatefulSet) *scene {
	s := &scene{T: t, clock: testingclock.NewFakeClock(time.Now()), sets: map[string]*appsv1.StatefulSet{}}
	for _, set := range sets {
		s.sets[set.Namespace+"/"+set.Name] = set
	}
	s.Guard = New(s.clock, s, s)
	return s
}

func (s *scene) Object(k kinds.Kind, key types.NamespacedName) metav1.Object {
	if set := s.sets[key.String()]; k == kinds.Set && set != nil {
		return set
	}
	return nil
}

func (s *scene) Acted(set types.NamespacedName) bool { return set.Namespace != "theirs" }

func (s *scene) HoldBegan(namespace, why string) { s.told = append(s.told, namespace+" held: "+why) }
func (s *scene) HoldEnded(namespace string)      { s.told = append(s.told, namespace+" free") }
func (s *scene) HeldFor(set *appsv1.StatefulSet, _ string) {
	s.told = append(s.told, "about "+set.Namespace+"/"+set.Name)
}

// expect compares what has been told since it was last called, by how each begins.
func (s *scene) expect(want ...string) {
	s.Helper()
	if !slices.EqualFunc(s.told, want, strings.HasPrefix) {
		s.Errorf("told %q, want %q", s.told, want)
	}
	s.told = nil
}

// held expects a namespace to be held for so long, zero for not at all.
func (s *scene) held(namespace string, want time.Duration) {
	s.Helper()
	answer := s.MayAct(namespace)
	if answer.Again != want || (answer.Why != "") != (want > 0) {
		s.Errorf("namespace %s is held for %v (%q), want %v", namespace, answer.Again, answer.Why, want)
	}
}

// web is a set of a namespace.
func web(namespace string) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web", UID: types.UID("uid-" + namespace)}}
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// statusWritten is a set whose status another controller has written last at a time.
func statusWritten(set *appsv1.StatefulSet, manager string, at time.Duration) *appsv1.StatefulSet {
	set = set.DeepCopy()
	set.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: manager, Subresource: "status", Time: &metav1.Time{Time: epoch.Add(at)}}}
	return set
}

// evidence has another controller write the status of a namespace's set.
func (s *scene) evidence(namespace string) {
	s.Observe(web(namespace), statusWritten(web(namespace), "kube-controller-manager", 0))
}

func TestANamespaceIsHeldUntilTheOtherControllerIsSilent(t *testing.T) {
	s := newScene(t)
	s.held("db", 0)
	s.evidence("db")
	s.expect("db held: kube-controller-manager also acts on StatefulSets in namespace db (it wrote the status of web)", "about db/web")
	s.held("db", 30*time.Second)
	s.clock.Step(20 * time.Second)
	s.evidence("db")
	s.held("db", 30*time.Second)
	s.clock.Step(30*time.Second - time.Nanosecond)
	s.held("db", time.Nanosecond)
	s.expect() // the hold was told of already, and goes on
	s.clock.Step(time.Nanosecond)
	s.held("db", 0)
	s.held("db", 0)
	s.expect("db free")
}

func TestOtherNamespacesAreActedOn(t *testing.T) {
	s := newScene(t)
	s.evidence("db")
	s.held("web", 0)
	s.expect("db held", "about db/web")
}

func TestEachSetIsToldOfOnceInAHold(t *testing.T) {
	s := newScene(t)
	other := web("db")
	other.Name, other.UID = "other", "uid-other"
	for range 3 {
		s.evidence("db")
		s.Observe(nil, statusWritten(other, "kube-controller-manager", 0))
	}
	s.expect("db held", "about db/web", "about db/other")
	s.clock.Step(shortest)
	s.evidence("db")
	s.expect("db free", "db held", "about db/web")
}

func TestAControllerThatComesBackIsWaitedForTwiceAsLong(t *testing.T) {
	s := newScene(t)
	for _, want := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
		s.evidence("db")
		s.held("db", want)
		if why := s.MayAct("db").Why; !strings.HasSuffix(why, "nothing is written there until it has been silent for "+want.String()) {
			t.Errorf("held for %s, and says %q", want, why)
		}
		s.clock.Step(want + 10*time.Minute)
		s.held("db", 0)
	}
	s.clock.Step(time.Nanosecond) // ten minutes are over
	s.evidence("db")
	s.held("db", 30*time.Second)
}

// By its number a set that was not looked at during a hold learns that there was one.
func TestHoldsAreNumbered(t *testing.T) {
	s := newScene(t)
	var numbers []int
	ask := func() { numbers = append(numbers, s.MayAct("db").Hold) }
	ask()
	s.evidence("web")
	s.evidence("db")
	ask()
	s.clock.Step(shortest)
	ask()
	s.evidence("db")
	s.clock.Step(2 * shortest)
	ask()
	s.clock.Step(relapse + 1)
	ask()
	s.evidence("db")
	ask()
	if want := []int{0, 2, 2, 3, 0, 4}; !slices.Equal(numbers, want) {
		t.Errorf("the holds have the numbers %v, want %v", numbers, want)
	}
}

func TestWhatIsHeldIsAnError(t *testing.T) {
	s := newScene(t)
	if err := s.Held(); err != nil {
		t.Error(err)
	}
	s.evidence("b")
	s.evidence("a")
	const want = "kube-controller-manager also acts on StatefulSets in namespace a (it wrote the status of web): " +
		"switch its StatefulSet controller off (kube-controller-manager --controllers=*,-statefulset-controller), or fence it off (kubectl ordinal take), or stop this one; " +
		"nothing is written there until it has been silent for 30s; the same goes for 1 more namespaces"
	if got := fmt.Sprint(s.Held()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.clock.Step(shortest)
	if err := s.Held(); err != nil {
		t.Error(err)
	}
	if slices.Sort(s.told[4:]); !slices.Equal(s.told[4:], []string{"a free", "b free"}) {
		t.Errorf("told %q, and not that all is free, though nobody has asked for leave", s.told)
	}
}
