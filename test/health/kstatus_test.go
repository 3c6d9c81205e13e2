package health

import (
	"testing"

	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func TestKstatusIsRight(t *testing.T) {
	overlooked := map[string]int{}
	forEachState(t, func(t *testing.T, s *state) {
		is, err := status.Compute(&s.Set)
		if err != nil {
			t.Fatal(err)
		}
		want := status.InProgressStatus
		switch {
		case s.Set.GetDeletionTimestamp() != nil:
			want = status.TerminatingStatus
		case s.is("Stalled"):
			want = status.FailedStatus
		case s.RolledOut:
			want = status.CurrentStatus
		case s.strategy() == "OnDelete":
			want = status.CurrentStatus
			overlooked["every pod of a set with OnDelete"]++
		case s.hasOnlyReady() && s.number(0, "status", "readyReplicas") == s.wanted() && s.areUpdated():
			want = status.CurrentStatus
			overlooked["that a pod is ready, and not yet for minReadySeconds"]++
		}
		if is.Status != want {
			t.Errorf("it is %s (%s), want %s; %v", is.Status, is.Message, want, s.Set.Object)
		}
	})
	if len(overlooked) != 2 {
		t.Error("docs/integrations.md names two things that kstatus overlooks")
	}
	for what, n := range overlooked {
		t.Logf("kstatus overlooks %s: %d states", what, n)
	}
}
