package e2e

import (
	"fmt"
	"maps"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"ordinal.dev/ordinal/test/world"
)

func TestClaimsGrowBelowRunningPods(t *testing.T) {
	s := counterScene(t)
	pods, containers := world.UIDs(s.Pods()), s.containers()
	for i, pod := range counters {
		s.grow("data-"+pod, fmt.Sprintf("%dGi", i+2))
	}
	for i, pod := range counters {
		s.Eventually(s.has("data-"+pod, fmt.Sprintf("%dGi", i+2)))
	}
	if got := world.UIDs(s.Pods()); !maps.Equal(pods, got) || !maps.Equal(containers, s.containers()) {
		t.Errorf("pods or containers are not the same as before:\n%v\n%v", pods, got)
	}
	s.countsAreKept()
	s.NothingElseHappened()
}

func TestAClaimGoesOnGrowingAfterTheKillOfOrdinal(t *testing.T) {
	s := counterScene(t)
	before, err := lab.Status()
	s.Must(err)
	for _, pod := range counters {
		s.grow("data-"+pod, "5Gi")
	}
	s.StopWatching()
	s.Must(syscall.Kill(before.PID, syscall.SIGKILL))
	lab.Run(t, "up", "--kubeconfig", "")
	s = s.again()
	for _, pod := range counters {
		s.Eventually(s.has("data-"+pod, "5Gi"))
	}
	s.Eventually(s.Ready("counter", 3))
	s.countsAreKept()
}

// grow asks for more as people do.
func (s *scene) grow(claim, size string) {
	s.Helper()
	s.kubectl("patch", "pvc", claim, "-p", fmt.Sprintf(`{"spec":{"resources":{"requests":{"storage":%q}}}}`, size))
}

// has objects until a claim is of that size, and done with growing to it.
func (s *scene) has(name, size string) func() error {
	want := resource.MustParse(size)
	return func() error {
		claim := s.Claim(name)
		if claim == nil {
			return fmt.Errorf("%s is not there", name)
		}
		if status := claim.Status; status.Capacity.Storage().Cmp(want) != 0 || status.AllocatedResourceStatuses[corev1.ResourceStorage] != "" {
			return fmt.Errorf("%s has not grown to %s: %+v", name, size, status)
		}
		return nil
	}
}
