package takeover

import (
	"context"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/test/arena"
	"ordinal.dev/ordinal/test/world"
)

// TestTakingAndGivingBackBehindTheFence has a namespace taken and given back while both
// controllers run all the time.
func TestTakingAndGivingBackBehindTheFence(t *testing.T) {
	s := newStage(t)
	if err := s.cluster.Fence(t.Context(), "../../install.yaml"); err != nil {
		t.Fatal(err)
	}
	corpus := readCorpus(t)
	w := s.namespace("db")
	defer s.inTree()()
	defer s.fenced()()
	s.perform(w, corpus)
	s.quiet()
	before, specs := exactly(w), generations(w)

	if err := s.cluster.Take(t.Context(), "db"); err != nil {
		t.Fatal(err)
	}
	s.untilStanding("db", fence.Acting)
	s.seenByOrdinal(w, corpus)
	s.nothingButStatusAndServices("taken", arena.Fenced)
	mustEqual(t, "taken", before, exactly(w))
	mustEqual(t, "specs, taken", specs, generations(w))

	s.mark("db", func(ns *corev1.Namespace) {
		metav1.SetMetaDataAnnotation(&ns.ObjectMeta, fence.LeavingAnnotation, fence.All)
	})
	s.untilStanding("db", fence.Left)
	s.nothingButStatusAndServices("given back", arena.Fenced)
	mustEqual(t, "given back", before, exactly(w))
	s.withoutMarks(w)

	s.mark("db", func(ns *corev1.Namespace) {
		delete(ns.Labels, fence.Label)
		delete(ns.Annotations, fence.LeavingAnnotation)
	})
	s.seenByInTree()
	s.nothingButStatusAndServices("in-tree again", arena.InTree)
	mustEqual(t, "in-tree again", before, exactly(w))
	mustEqual(t, "specs, in-tree again", specs, generations(w))

	s.change(w, corpus, []byte(lastChange))
	for _, w := range s.quiet() {
		if w.User == arena.Fenced && w.Stored() {
			t.Errorf("Ordinal did this to what it has given back: %s", w)
		}
	}
}

// fenced runs Ordinal's controller behind the fence, until the function it returns is
// called.
func (s *stage) fenced() (stop func()) {
	s.Helper()
	process, err := arena.Run(context.Background(), s.cluster.Log("ordinal-controller"), programOr("CONTROLLER_BIN", "../../bin/ordinal-controller"),
		"--kubeconfig", s.cluster.Kubeconfig(arena.FencedKubeconfig), "--mode", fence.Fenced, "--namespace", arena.FencedNamespace,
		"--metrics-addr=", "--health-addr=")
	if err != nil {
		s.Fatal(err)
	}
	return func() {
		s.Helper()
		if err := process.Stop(); err != nil {
			s.Error(err)
		}
	}
}

func (s *stage) mark(namespace string, change func(*corev1.Namespace)) {
	s.Helper()
	if err := s.cluster.Mark(s.Context(), namespace, change); err != nil {
		s.Fatal(err)
	}
}

// untilStanding waits until Ordinal's controller says that a namespace is in a state.
func (s *stage) untilStanding(namespace, state string) {
	s.Helper()
	if err := s.cluster.UntilStanding(s.Context(), namespace, state); err != nil {
		s.Fatal(err)
	}
}

// nothingButStatusAndServices fails if anything else was stored, the canary apart, or if
// anything was by another controller than the one in charge; and says what was.
func (s *stage) nothingButStatusAndServices(when, inCharge string) {
	s.Helper()
	count := map[string]int{}
	for _, w := range s.quiet() {
		if !w.Stored() || w.Namespace == "canary" {
			continue
		}
		count[w.User+": "+w.Verb+" "+w.Resource]++
		allowed := []string{"statefulsets/status", "services"}
		if w.User == arena.Fenced && w.Namespace == arena.FencedNamespace {
			allowed = []string{"configmaps"} // its own
		} else if w.User != inCharge {
			allowed = nil
		}
		if !slices.Contains(allowed, w.Resource) {
			s.Errorf("%s, and %s did this: %s", when, w.User, w)
		}
	}
	s.Logf("%s: %v", when, count)
}

// withoutMarks fails if anything of Ordinal's is left on sets and Services.
func (s *stage) withoutMarks(w *world.World) {
	s.Helper()
	sets, err := s.admin.AppsV1().StatefulSets(w.Namespace).List(s.Context(), metav1.ListOptions{})
	if err != nil {
		s.Fatal(err)
	}
	for _, set := range sets.Items {
		if len(set.Status.Conditions) > 0 {
			s.Errorf("%s still has the conditions %v", set.Name, set.Status.Conditions)
		}
	}
	services, err := s.admin.CoreV1().Services(w.Namespace).List(s.Context(), metav1.ListOptions{})
	if err != nil {
		s.Fatal(err)
	}
	for _, service := range services.Items {
		for _, m := range service.ManagedFields {
			if m.Manager == plan.FieldManager && service.Name == "peers" {
				s.Errorf("Service %s, which a person made, still has fields of %s", service.Name, m.Manager)
			}
		}
	}
}

// generations are those of the sets, which every write to a spec changes.
func generations(w *world.World) objects {
	all := objects{}
	sets, err := w.Client.AppsV1().StatefulSets(w.Namespace).List(w.Context(), metav1.ListOptions{})
	w.Must(err)
	for _, set := range sets.Items {
		all["set "+set.Name] = fmt.Sprint(set.Generation)
	}
	return all
}
