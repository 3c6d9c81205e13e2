package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What a pod asks for as it stops is there until it has: a hook and a program that take
// leave find the API server, by a name and as their service account, and so do the
// sidecars, which stop after them, the last one first. No container starts meanwhile, of a
// pod that the kubelet was starting either.
func TestPodsFindNamesAndTheAPIWhileTheClusterIsTakenDown(t *testing.T) {
	program := filepath.Join(t.TempDir(), "farewell")
	if out, err := exec.Command("go", "build", "-o", program, "./farewell").CombinedOutput(); err != nil {
		t.Fatalf("building what the pod runs: %v\n%s", err, out)
	}
	s := newScene(t)
	s.Must(lab.Load(program, "farewell:1"))
	s.kubectl("apply", "-f", "testdata/farewell.yaml")
	s.Eventually(s.Ready("farewell", 1))
	s.Eventually(s.started("late"))
	s.Eventually(func() error { // the Service is made some seconds after the set
		if !slices.Contains(s.Hostnames("farewell"), "farewell-0") {
			return fmt.Errorf("farewell-0 has no name yet")
		}
		return nil
	})
	address := s.Pod("farewell-0").Status.PodIP
	s.StopWatching()

	said := lab.Run(t, "down")
	lab.Run(t, "up", "--kubeconfig", "")

	list, err := administrator(t).CoreV1().ConfigMaps(s.Namespace).List(s.Context(), metav1.ListOptions{})
	s.Must(err)
	list.Items = slices.DeleteFunc(list.Items, func(m corev1.ConfigMap) bool { return m.Name == "kube-root-ca.crt" })
	slices.SortFunc(list.Items, func(a, b corev1.ConfigMap) int { return version(t, a) - version(t, b) })
	var took []string
	for _, goodbye := range list.Items {
		took = append(took, goodbye.Name)
		if got := goodbye.Data[fmt.Sprintf("farewell-0.farewell.%s.svc.cluster.local", s.Namespace)]; got != address {
			t.Errorf("%s: the set's pod is found at %q, and not %q", goodbye.Name, got, address)
		}
	}
	if want := []string{"1-hook", "2-main", "3-second-sidecar", "4-first-sidecar", "5-late"}; !slices.Equal(took, want) {
		t.Errorf("the API server took %q, and not %q; `ordinal down` said:\n%s", took, want, said)
	}
	for _, pod := range []string{"farewell-0", "late"} {
		if n := strings.Count(said, fmt.Sprintf("stopped pod %s/%s,", s.Namespace, pod)); n != 1 {
			t.Errorf("`ordinal down` says %d times that %s has stopped:\n%s", n, pod, said)
		}
	}
}

// started objects until a container of the pod has: its status says so only when all have.
func (s *scene) started(pod string) func() error {
	return func() error {
		for _, e := range s.Events() {
			if e.InvolvedObject.Name == pod && e.Reason == "Started" {
				return nil
			}
		}
		return fmt.Errorf("no container of %s has started", pod)
	}
}

// version tells which of two objects was written first: there is one store.
func version(t *testing.T, m corev1.ConfigMap) int {
	t.Helper()
	n, err := strconv.Atoi(m.ResourceVersion)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
