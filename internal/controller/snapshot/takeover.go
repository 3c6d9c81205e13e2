package snapshot

import (
	"context"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/plan"
)

// takeover is how the API server was when a controller began to act.
type takeover struct {
	version  string                         // its resourceVersion
	policies v1alpha1.StatefulSetPolicyList // empty where it has no such kind
}

// begin reads it, once.
func (c *Checker) begin(ctx context.Context) (*takeover, error) {
	if t := c.tookOver.Load(); t != nil {
		return t, nil
	}
	var sets appsv1.StatefulSetList
	if err := c.live.List(ctx, &sets, client.Limit(1)); err != nil {
		return nil, err
	}
	t := &takeover{version: sets.ResourceVersion}
	if err := c.live.List(ctx, &t.policies); err != nil && !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err) {
		return nil, err
	}
	c.tookOver.Store(t) // those of several workers all do
	return t, nil
}

// policiesShown reports whether the snapshot shows a set's policies at least as they were when
// this controller took over, and otherwise has the set wait for that. A roll-out that was
// paused before would go on. The caches may have got to see them since the snapshot was taken.
func (c *Checker) policiesShown(ctx context.Context, s plan.Snapshot, expected Expectations) (shown bool, err error) {
	begun, err := c.begin(ctx)
	if err != nil {
		return false, err
	}
	shown = true
	there, seen := map[types.UID]bool{}, c.seen.Version(kinds.Policy)
	for i := range begun.policies.Items {
		policy := &begun.policies.Items[i]
		if policy.Namespace != s.Set.Namespace || policy.Spec.TargetRef.Name != s.Set.Name {
			continue
		}
		there[policy.UID] = true
		if seen != "" && (Newer(policy.ResourceVersion, seen) || c.isSince(policy, s.Policies)) {
			expected.Wrote(kinds.Policy, policy.ResourceVersion)
			shown = false
		}
	}
	for _, policy := range s.Policies {
		if !there[policy.UID] && !Newer(policy.ResourceVersion, begun.policies.ResourceVersion) {
			expected.Gone(kinds.Policy, policy)
			shown = false
		}
	}
	return shown, nil
}

// isSince reports whether the caches have a policy at a version that a snapshot does not show.
func (c *Checker) isSince(policy *v1alpha1.StatefulSetPolicy, shown []*v1alpha1.StatefulSetPolicy) bool {
	i := slices.IndexFunc(shown, func(p *v1alpha1.StatefulSetPolicy) bool { return p.UID == policy.UID })
	if i >= 0 {
		return Newer(policy.ResourceVersion, shown[i].ResourceVersion)
	}
	now := c.seen.Object(kinds.Policy, client.ObjectKeyFromObject(policy))
	return now != nil && now.GetUID() == policy.UID
}
