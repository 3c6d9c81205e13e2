package plan

import (
	"cmp"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"ordinal.dev/ordinal/api/v1alpha1"
)

// PolicyFor is the policy that counts among those whose target is one set: the oldest, and
// of equally old ones the first by name. It is nil for none.
func PolicyFor(policies []*v1alpha1.StatefulSetPolicy) *v1alpha1.StatefulSetPolicy {
	if len(policies) == 0 {
		return nil
	}
	return slices.MinFunc(policies, func(a, b *v1alpha1.StatefulSetPolicy) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
}

// honourPolicy takes over what the set's policy says, as far as it can be done here. What
// cannot is as if it were not set; unsupported says why.
func (p *planner) honourPolicy() {
	p.policy = PolicyFor(p.Policies)
	if p.policy == nil || p.policy.Spec.Rollout == nil || p.strategy == appsv1.OnDeleteStatefulSetStrategyType {
		return
	}
	p.rollout = *p.policy.Spec.Rollout
	if p.strategy == appsv1.RecreateStatefulSetStrategyType {
		p.rollout = v1alpha1.Rollout{
			Paused: p.rollout.Paused, ProgressDeadlineSeconds: p.rollout.ProgressDeadlineSeconds, OnFailure: p.rollout.OnFailure,
		}
	}
	if !p.enabled(Conditions) {
		p.rollout.ProgressDeadlineSeconds = nil
	}
	if seconds := p.rollout.ProgressDeadlineSeconds; seconds != nil {
		p.deadline = time.Duration(*seconds) * time.Second
	}
}

// members is what the set's policy says of them.
func (p *planner) members() *v1alpha1.Members {
	if p.policy == nil {
		return nil
	}
	return p.policy.Spec.Members
}

// unsupported says which fields of the policy have no effect here, and why.
func (p *planner) unsupported() []string {
	var all []string
	if p.policy.Spec.Claims != nil {
		all = append(p.unsupportedClaims(), p.unknownVolumes()...)
	}
	if p.isDenied() {
		all = append(all, "exec hooks fail: the controller may not create pods/exec; with the Helm chart, set hooks.exec")
	}
	rollout := p.policy.Spec.Rollout
	if rollout == nil {
		return all
	}
	switch p.strategy {
	case appsv1.OnDeleteStatefulSetStrategyType:
		return append(all, "spec.rollout has no effect: with updateStrategy OnDelete the user rolls out")
	case appsv1.RecreateStatefulSetStrategyType:
		if !equality.Semantic.DeepEqual(p.rollout, *rollout) {
			all = append(all, "of spec.rollout, only paused, progressDeadlineSeconds and onFailure have an effect: with updateStrategy Recreate all pods go at once")
		}
	}
	if rollout.ProgressDeadlineSeconds != nil && !p.enabled(Conditions) {
		all = append(all, "spec.rollout.progressDeadlineSeconds has no effect: it goes by the conditions, which are switched off for the StatefulSet")
	}
	return all
}

// isDenied reports whether a hook was not run for want of a permission.
func (p *planner) isDenied() bool {
	return slices.ContainsFunc(p.HookRuns, func(r HookRun) bool { return r.Denied })
}
