package fence

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/test/arena"
)

// patience is how long a test waits for what takes a second or two on an idle machine.
const patience = 60 * time.Second

// A stage is a cluster on which the fence is up.
type stage struct {
	*testing.T
	cluster *arena.Cluster
	config  *rest.Config // an administrator's
	admin   kubernetes.Interface
	record  *arena.Record
}

func newStage(t *testing.T, flags ...string) *stage {
	t.Helper()
	cluster, err := arena.Start(t.Context(), programOr("ORDINAL_BIN", "../../bin/ordinal"), 3, flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	s := &stage{T: t, cluster: cluster}
	if s.config, err = cluster.Admin(); err != nil {
		t.Fatal(err)
	}
	s.admin, err = kubernetes.NewForConfig(s.config)
	s.must(err)
	s.must(cluster.Fence(t.Context(), "../../install.yaml"))
	s.record, err = cluster.Record()
	s.must(err)
	return s
}

// of is the same stage for a part of the test.
func (s *stage) of(t *testing.T) *stage {
	part := *s
	part.T = t
	return &part
}

func programOr(variable, program string) string {
	if set := os.Getenv(variable); set != "" {
		return set
	}
	return program
}

// as is a client of somebody else, who may do all that he has permission for, and with
// groups what those have.
func (s *stage) as(user string, groups ...string) kubernetes.Interface {
	s.Helper()
	config := rest.CopyConfig(s.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
	client, err := kubernetes.NewForConfig(config)
	s.must(err)
	return client
}

func (s *stage) namespace(name string) {
	s.Helper()
	_, err := s.admin.CoreV1().Namespaces().Create(s.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	s.must(err)
}

// take puts sets of a namespace under Ordinal, or all.
func (s *stage) take(namespace string, sets ...*appsv1.StatefulSet) {
	s.Helper()
	s.must(s.cluster.Take(s.Context(), namespace, sets...))
}

// mark changes what a namespace says.
func (s *stage) mark(namespace string, change func(*corev1.Namespace)) {
	s.Helper()
	s.must(s.cluster.Mark(s.Context(), namespace, change))
}

// ordinal runs Ordinal's controller behind the fence, until the test's end.
func (s *stage) ordinal() {
	s.Helper()
	stop := s.run("ordinal-controller", programOr("CONTROLLER_BIN", "../../bin/ordinal-controller"),
		"--kubeconfig", s.cluster.Kubeconfig(arena.FencedKubeconfig), "--mode", fence.Fenced, "--namespace", arena.FencedNamespace,
		"--metrics-addr=", "--health-addr=")
	s.Cleanup(stop)
}

// inTree runs the in-tree controller in a process of its own, until the test's end or
// until it is told to stop.
func (s *stage) inTree() (stop func()) {
	s.Helper()
	stop = sync.OnceFunc(s.run("intree", programOr("INTREE_BIN", "../../bin/intree"),
		"--kubeconfig", s.cluster.Kubeconfig(arena.InTreeKubeconfig)))
	s.Cleanup(stop)
	return stop
}

// run starts a controller.
func (s *stage) run(log, program string, args ...string) (stop func()) {
	s.Helper()
	// Not the test's context: that ends before the controller is told to.
	process, err := arena.Run(context.Background(), s.cluster.Log(log), program, args...)
	s.must(err)
	return func() {
		if err := process.Stop(); err != nil {
			s.Error(err)
		}
		if s.Failed() {
			s.Logf("the last words of %s: %v", log, process.LastWords())
		}
	}
}

// quiet is how long controllers write nothing before they count as done; ours holds a
// status back for a second at most.
const quiet = 1500 * time.Millisecond

// written are the controllers' writes since it was last called, once they are done.
func (s *stage) written() []arena.Write {
	s.Helper()
	writes, err := s.record.UntilQuiet(s.Context(), quiet)
	s.must(err)
	return arena.WithoutRepeats(writes)
}

// eventually asks ten times a second until there is nothing left to object to.
func (s *stage) eventually(check func() error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.Fatalf("not within %s: %v", patience, err)
		}
	}
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}
