package takeover

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"ordinal.dev/ordinal/internal/controller"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/test/arena"
	"ordinal.dev/ordinal/test/world"
)

// quiet is how long a controller writes nothing before it counts as done; ours
// holds a status back for a second at most.
const quiet = 1500 * time.Millisecond

// lastChange is what happens to every set at the end, under the controller that
// did not make it.
const lastChange = `{"spec":{"template":{"metadata":{"annotations":{"example.com/last":"change"}}}}}`

// TestTakingOverAndGivingBack has each controller make the same sets, and take
// over those of the other.
func TestTakingOverAndGivingBack(t *testing.T) {
	s := newStage(t)
	corpus := readCorpus(t)
	if len(corpus) < 40 {
		t.Fatalf("the corpus has %d sets, fewer than the 40 that this test promises", len(corpus))
	}
	theirs, ours := s.namespace("in-tree"), s.namespace("ordinal")

	stop := s.inTree()
	s.perform(theirs, corpus)
	s.quiet()
	before := exactly(theirs)
	stop()

	stop = s.ordinal()
	s.seenByOrdinal(theirs, corpus)
	s.nothingButStatus(arena.Ordinal)
	mustEqual(t, "taken over from the in-tree controller", before, exactly(theirs))

	s.perform(ours, corpus)
	s.quiet()
	mustEqual(t, "made by the in-tree controller (-) and by Ordinal (+)", made(theirs), made(ours))
	s.change(theirs, corpus, []byte(lastChange))
	s.quiet()
	before = exactly(ours)
	stop()

	stop = s.inTree()
	s.seenByInTree()
	s.nothingButStatus(arena.InTree)
	mustEqual(t, "given back to the in-tree controller", before, exactly(ours))

	s.change(ours, corpus, []byte(lastChange))
	s.quiet()
	mustEqual(t, "revisions after a change under Ordinal (-) and in-tree (+)", revisions(theirs), revisions(ours))
	stop()
}

// A stage is a cluster on which controllers take turns.
type stage struct {
	*testing.T
	cluster *arena.Cluster
	admin   kubernetes.Interface
	record  *arena.Record
}

func newStage(t *testing.T) *stage {
	t.Helper()
	cluster, err := arena.Start(t.Context(), programOr("ORDINAL_BIN", "../../bin/ordinal"), 3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	config, err := cluster.Admin()
	if err != nil {
		t.Fatal(err)
	}
	admin, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	record, err := cluster.Record()
	if err != nil {
		t.Fatal(err)
	}
	return &stage{t, cluster, admin, record}
}

func programOr(variable, program string) string {
	if set := os.Getenv(variable); set != "" {
		return set
	}
	return program
}

// namespace makes a namespace with the Service that governs all sets in it.
func (s *stage) namespace(name string) *world.World {
	s.Helper()
	_, err := s.admin.CoreV1().Namespaces().Create(s.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil {
		s.Fatal(err)
	}
	_, err = s.admin.CoreV1().Services(name).Create(s.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "peers"},
		Spec:       corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Ports: []corev1.ServicePort{{Port: 80}}},
	}, metav1.CreateOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return world.In(s.T, s.admin, name)
}

// inTree puts the in-tree controller in charge, until the function it returns
// is called.
func (s *stage) inTree() (stop func()) {
	s.Helper()
	process, err := arena.Run(s.Context(), s.cluster.Log("intree"), s.underItsName(programOr("INTREE_BIN", "../../bin/intree")),
		"--kubeconfig", s.cluster.Kubeconfig(arena.InTreeKubeconfig), "--feature-gates=StatefulSetRecreateStrategy=true",
		"--kube-api-qps=1000", "--kube-api-burst=2000", "--concurrent-statefulset-syncs=16")
	if err != nil {
		s.Fatal(err)
	}
	return func() {
		s.Helper()
		if err := process.Stop(); err != nil {
			s.Fatal(err)
		}
	}
}

// inTreeName is what the in-tree controller's program is called elsewhere, and by that the
// API server knows who has written what.
const inTreeName = "kube-controller-manager"

// underItsName is the in-tree controller's program by that name.
func (s *stage) underItsName(program string) string {
	s.Helper()
	program, err := filepath.Abs(program)
	if err != nil {
		s.Fatal(err)
	}
	link := filepath.Join(s.TempDir(), inTreeName)
	if err := os.Symlink(program, link); err != nil {
		s.Fatal(err)
	}
	return link
}

// ordinal puts Ordinal's controller in charge, until the function it returns is
// called.
func (s *stage) ordinal() (stop func()) {
	s.Helper()
	return s.ordinalWith(controller.DefaultOptions())
}

func (s *stage) ordinalWith(options controller.Options) (stop func()) {
	s.Helper()
	config, err := s.cluster.Config(arena.OurKubeconfig)
	if err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.Context())
	ended := make(chan error, 1)
	go func() { ended <- controller.Run(ctx, config, options) }()
	return func() {
		s.Helper()
		cancel()
		if err := <-ended; err != nil {
			s.Fatal(err)
		}
	}
}

// perform creates the sets in the namespace, and makes each change of a set when
// it has come to rest after the one before.
func (s *stage) perform(w *world.World, corpus []*sample) {
	s.Helper()
	sets := s.admin.AppsV1().StatefulSets(w.Namespace)
	for _, sample := range corpus {
		if _, err := sets.Create(s.Context(), sample.set, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict}); err != nil {
			s.Fatalf("%s: %v", sample.set.Name, err)
		}
	}
	s.rest(w, corpus)
	for step := 0; ; step++ {
		any := false
		for _, sample := range corpus {
			if step < len(sample.changes) {
				any = true
				s.patch(w, sample, sample.changes[step])
			}
		}
		if !any {
			return
		}
		s.rest(w, corpus)
	}
}

// change makes one change to all sets.
func (s *stage) change(w *world.World, corpus []*sample, change []byte) {
	s.Helper()
	for _, sample := range corpus {
		s.patch(w, sample, change)
	}
	s.rest(w, corpus)
}

func (s *stage) patch(w *world.World, sample *sample, patch []byte) {
	s.Helper()
	_, err := s.admin.AppsV1().StatefulSets(w.Namespace).Patch(s.Context(), sample.set.Name, types.StrategicMergePatchType, patch,
		metav1.PatchOptions{FieldValidation: metav1.FieldValidationStrict})
	if err != nil {
		s.Fatalf("%s: %v", sample.set.Name, err)
	}
}

// rest waits until the sets are at rest in the state that the API server has
// now.
func (s *stage) rest(w *world.World, corpus []*sample) {
	s.Helper()
	list, err := s.admin.AppsV1().StatefulSets(w.Namespace).List(s.Context(), metav1.ListOptions{})
	if err != nil {
		s.Fatal(err)
	}
	generations := map[string]int64{}
	for _, set := range list.Items {
		generations[set.Name] = set.Generation
	}
	w.Eventually(func() error {
		var restless []error
		for _, sample := range corpus {
			set := w.Set(sample.set.Name)
			if set == nil || set.Generation != generations[set.Name] {
				return errors.New("the watch is behind")
			}
			restless = append(restless, atRest(set))
		}
		return errors.Join(restless...)
	})
}

// seenByOrdinal waits until Ordinal's controller has made up its mind about
// every set, which it says in a condition.
func (s *stage) seenByOrdinal(w *world.World, corpus []*sample) {
	s.Helper()
	w.Eventually(func() error {
		for _, sample := range corpus {
			set := w.Set(sample.set.Name)
			if !hasCondition(set, plan.ConditionAvailable) {
				return errors.New(set.Name + " has no condition Available yet")
			}
		}
		return nil
	})
}

func hasCondition(set *appsv1.StatefulSet, kind appsv1.StatefulSetConditionType) bool {
	for _, c := range set.Status.Conditions {
		if c.Type == kind {
			return true
		}
	}
	return false
}

// seenByInTree waits until the in-tree controller has made up its mind about
// every set that was there when it started: it says nothing, but a new set has
// its turn after them.
func (s *stage) seenByInTree() {
	s.Helper()
	canary, err := setOf("metadata: {name: canary}\nspec: {selector: {matchLabels: {app: canary}}, " +
		"template: {metadata: {labels: {app: canary}}, spec: {containers: [{name: app, image: app}]}}}")
	if err != nil {
		s.Fatal(err)
	}
	s.perform(s.namespace("canary"), []*sample{{set: canary}})
}

// quiet waits until the controllers are done, and returns what they wrote since
// it was last called.
func (s *stage) quiet() []arena.Write {
	s.Helper()
	writes, err := s.record.UntilQuiet(s.Context(), quiet)
	if err != nil {
		s.Fatal(err)
	}
	return writes
}

// nothingButStatus fails if the user has written anything else, the canary
// apart. That it has written at all shows that its record is kept.
func (s *stage) nothingButStatus(user string) {
	s.Helper()
	recorded := false
	for _, w := range s.quiet() {
		if w.User != user {
			continue
		}
		recorded = true
		if w.Namespace != "canary" && w.Resource != "statefulsets/status" {
			s.Errorf("%s took over, and did this: %s", user, w)
		}
	}
	if !recorded {
		s.Errorf("there is no record of %s, which has written something", user)
	}
}
