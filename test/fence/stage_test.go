package fence

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	s.raise()
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

// raise puts up the fence, and waits until the API server enforces it.
func (s *stage) raise() {
	s.Helper()
	admission := s.admin.AdmissionregistrationV1()
	_, err := admission.ValidatingAdmissionPolicies().Create(s.Context(), fence.Policy(), metav1.CreateOptions{})
	s.must(err)
	_, err = admission.ValidatingAdmissionPolicyBindings().Create(s.Context(), fence.Binding(), metav1.CreateOptions{})
	s.must(err)
	s.namespace("proof")
	s.take("proof")
	inTree := s.as(fence.Account)
	s.eventually(func() error {
		_, err := inTree.CoreV1().Pods("proof").Create(s.Context(), fence.Probe("proof", "any"), metav1.CreateOptions{DryRun: dry})
		if fence.Denied(err) {
			return nil
		}
		return fmt.Errorf("the fence does not refuse the probe, and the API server says: %w", err)
	})
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
	s.label(namespace, func(ns *corev1.Namespace) {
		label, annotations := fence.Take(ns, sets...)
		metav1.SetMetaDataLabel(&ns.ObjectMeta, fence.Label, label)
		for key, value := range annotations {
			delete(ns.Annotations, key)
			if value != nil {
				metav1.SetMetaDataAnnotation(&ns.ObjectMeta, key, *value)
			}
		}
	})
}

// label changes what a namespace says.
func (s *stage) label(namespace string, change func(*corev1.Namespace)) {
	s.Helper()
	s.eventually(func() error {
		ns, err := s.admin.CoreV1().Namespaces().Get(s.Context(), namespace, metav1.GetOptions{})
		s.must(err)
		change(ns)
		_, err = s.admin.CoreV1().Namespaces().Update(s.Context(), ns, metav1.UpdateOptions{})
		if !apierrors.IsConflict(err) {
			s.must(err)
		}
		return err
	})
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
