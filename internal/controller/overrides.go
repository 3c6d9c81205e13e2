package controller

import (
	"context"
	"maps"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"ordinal.dev/ordinal/internal/controller/snapshot"
	"ordinal.dev/ordinal/internal/plan"
)

// mostDryRuns bounds what is remembered of a set's dry runs. They are few: one for each
// revision and override.
const mostDryRuns = 100

// dryRunOverrides asks the API server about the pods that the plan has not been able to decide
// about, and plans again. Where it says nothing, the plan is carried out as far as it goes,
// and it is asked again.
func (s *setSync) dryRunOverrides(ctx context.Context) (ended bool, err error) {
	for range snapshot.MostLooks {
		if len(s.plan.DryRuns) == 0 {
			return false, nil
		}
		said, err := s.writer.DryRun(ctx, s.snapshot.Set, s.plan.DryRuns)
		if err != nil {
			log.FromContext(ctx).Info("it is not known yet whether pods with overrides are accepted", "error", err.Error())
			s.tryAgain = true
		}
		if len(said) == 0 {
			return false, nil
		}
		s.memory.addDryRuns(said)
		s.snapshot.DryRuns = s.memory.dryRuns
		s.plan = plan.Make(s.snapshot)
	}
	return false, nil
}

// addDryRuns adds to what is remembered of dry runs. Plans may still read what was there before.
func (m *memory) addDryRuns(said map[string]plan.DryRun) {
	all := map[string]plan.DryRun{}
	if len(m.dryRuns)+len(said) <= mostDryRuns {
		maps.Copy(all, m.dryRuns)
	}
	maps.Copy(all, said)
	m.dryRuns = all
}
