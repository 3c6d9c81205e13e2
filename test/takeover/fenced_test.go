package takeover

import (
	"context"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/fence"
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
	before, sets := exactly(w), withoutNumbers(w)

	if err := s.cluster.Take(t.Context(), "db"); err != nil {
		t.Fatal(err)
	}
	s.untilStanding("db", fence.Acting)
	s.seenByOrdinal(w, corpus)
	s.nothingButStatusAndServices("taken", arena.Fenced)
	mustEqual(t, "taken", before, exactly(w))
	mustEqual(t, "specs, taken", specs(sets), specs(withoutNumbers(w)))

	s.mark("db", func(ns *corev1.Namespace) {
		metav1.SetMetaDataAnnotation(&ns.ObjectMeta, fence.LeavingAnnotation, fence.All)
	})
	s.untilStanding("db", fence.Left)
	s.nothingButStatusAndServices("given back", arena.Fenced)
	mustEqual(t, "given back", before, exactly(w))
	mustEqual(t, "sets and Services, given back", sets, withoutNumbers(w))

	s.mark("db", func(ns *corev1.Namespace) {
		delete(ns.Labels, fence.Label)
		delete(ns.Annotations, fence.LeavingAnnotation)
	})
	s.seenByInTree()
	s.nothingButStatusAndServices("in-tree again", arena.InTree)
	mustEqual(t, "in-tree again", before, exactly(w))
	mustEqual(t, "sets and Services, in-tree again", sets, withoutNumbers(w))

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

// withoutNumbers are sets and Services to the last bit, but for who wrote what when: by that
// alone it can be told that they have been Ordinal's.
func withoutNumbers(w *world.World) objects {
	all := objects{}
	sets, err := w.Client.AppsV1().StatefulSets(w.Namespace).List(w.Context(), metav1.ListOptions{})
	w.Must(err)
	for _, set := range sets.Items {
		set.ResourceVersion, set.ManagedFields = "", nil
		all.add("set", set.Name, set)
	}
	services, err := w.Client.CoreV1().Services(w.Namespace).List(w.Context(), metav1.ListOptions{})
	w.Must(err)
	for _, service := range services.Items {
		service.ResourceVersion, service.ManagedFields = "", nil
		all.add("service", service.Name, service)
	}
	return all
}

// specs are the sets without their status, of which Ordinal says more.
func specs(all objects) objects {
	sets := objects{}
	for name, text := range all {
		if strings.HasPrefix(name, "set ") {
			sets[name], _, _ = strings.Cut(text, "\nstatus:")
		}
	}
	return sets
}
