package controller

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"ordinal.dev/ordinal/internal/controller/apply"
	"ordinal.dev/ordinal/internal/controller/timing"
	"ordinal.dev/ordinal/internal/plan"
)

// writePolicies writes the statuses of policies that are not so yet, not more often than the
// status of a set that moves: two that lead for a while, and are not told the same, would write
// theirs in turn as fast as each hears of the other's. It returns when to come back for what it
// did not write.
func (s *setSync) writePolicies(ctx context.Context, all []plan.PolicyStatus) (again time.Duration, err error) {
	all = slices.DeleteFunc(slices.Clone(all), func(made plan.PolicyStatus) bool {
		return equality.Semantic.DeepEqual(made.Policy.Status, made.Status)
	})
	if len(all) == 0 {
		return 0, nil
	}
	m, now := s.memory, s.clock.Now()
	if left := m.policiesAt.Add(timing.StatusDelay).Sub(now); left > 0 && left <= timing.StatusDelay { // its clock may have gone back
		return left, nil
	}
	m.policiesAt = now
	var failed []error
	for _, made := range all {
		failed = append(failed, s.writer.WritePolicyStatus(ctx, made, &m.writes, s.reporter.WritesOf(s.snapshot.Set, &m.report)))
	}
	return 0, apply.Joined(failed...)
}

// tellOfNoTarget says of the policies of a set that does not exist that it does not.
func (s *setSync) tellOfNoTarget(ctx context.Context) error {
	policies, err := s.cache.Policies(ctx, s.key)
	if err != nil {
		return err
	}
	var all []plan.PolicyStatus
	for _, policy := range policies {
		all = append(all, plan.WithoutTarget(policy, s.clock.Now()))
	}
	again, err := s.writePolicies(ctx, all)
	s.requeueAfter = timing.Soonest(s.requeueAfter, again)
	return err
}
