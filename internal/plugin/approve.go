package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/plan"
)

func (e Env) newApprove() *cobra.Command {
	var at *access
	c := &cobra.Command{
		Use:   "approve sts/NAME",
		Short: "Let a roll-out go on after its canary",
		Long: `Let a roll-out go on after its canary, of which the StatefulSet's policy says
"until: Approved". The approval is an annotation on the revision that is rolled out; the
next roll-out takes one of its own.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			look, err := at.lookAt(args[0])
			if err != nil {
				return err
			}
			s, err := look(c.Context())
			if err != nil {
				return err
			}
			cluster, err := at.connect()
			if err != nil {
				return err
			}
			return e.approve(c.Context(), cluster.client, &s)
		},
	}
	at = e.addAccess(c)
	c.ValidArgsFunction = at.completeSet
	return c
}

// approve annotates the revision that a set's roll-out is to.
func (e Env) approve(ctx context.Context, api client.Client, s *plan.Snapshot) error {
	set := s.Set
	policy := plan.PolicyFor(s.Policies)
	switch {
	case policy == nil:
		return fmt.Errorf("StatefulSet %s has no StatefulSetPolicy, so nothing of it awaits approval", set.Name)
	case policy.Spec.Rollout == nil || policy.Spec.Rollout.Canary == nil || policy.Spec.Rollout.Canary.Until != v1alpha1.UntilApproved:
		return fmt.Errorf("policy %s asks for no approval: that takes rollout.canary with until: Approved", policy.Name)
	case set.Status.CurrentRevision == set.Status.UpdateRevision:
		return fmt.Errorf("StatefulSet %s has nothing to roll out: all of it is at revision %s", set.Name, set.Status.UpdateRevision)
	case set.Status.ObservedGeneration != set.Generation:
		return fmt.Errorf("the controller has not seen the newest template of StatefulSet %s yet: try again in a moment, once you know that it is what you have looked at", set.Name)
	}
	r := revisionOf(s, set.Status.UpdateRevision)
	if r == nil {
		return fmt.Errorf("revision %s of StatefulSet %s does not exist any more", set.Status.UpdateRevision, set.Name)
	}
	number := strconv.FormatInt(r.Revision, 10)
	if r.Annotations[plan.ApprovedAnnotation] == number {
		fmt.Fprintf(e.Out, "revision %s of StatefulSet %s was approved before\n", r.Name, set.Name)
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": r.UID, "resourceVersion": r.ResourceVersion, "annotations": map[string]string{plan.ApprovedAnnotation: number},
	}})
	if err != nil {
		return err
	}
	if err := api.Patch(ctx, r.DeepCopy(), client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("approve revision %s: %w", r.Name, err)
	}
	fmt.Fprintf(e.Out, "revision %s of StatefulSet %s is approved\n", r.Name, set.Name)
	return nil
}

func revisionOf(s *plan.Snapshot, name string) *appsv1.ControllerRevision {
	for _, r := range s.Revisions {
		if r.Name == name {
			return r
		}
	}
	return nil
}
