package apply

import (
	"context"
	"errors"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/plan"
)

// claimPatch is what a merge patch says of a claim's specification.
func claimPatch(c *plan.ClaimChange) map[string]any {
	spec := map[string]any{}
	if c.Size != nil {
		spec["resources"] = map[string]any{"requests": map[string]any{string(corev1.ResourceStorage): c.Size}}
	}
	if c.Class != nil {
		spec["volumeAttributesClassName"] = *c.Class
	}
	return spec
}

// changeClaims asks for changes of claims. What the API server refuses of them is no failure
// of the plan: it holds nothing else up, the next plan says so in the set's condition, and when
// it is tried again.
func (e *execution) changeClaims(ctx context.Context, actions []plan.Action) error {
	var failed []error
	for _, a := range actions {
		err := e.perform(ctx, a)
		if err != nil {
			e.result.Undone = append(e.result.Undone, a)
		}
		uid, refused := a.Object.GetUID(), isClaimRefused(err)
		if !refused && err != nil {
			failed = append(failed, err)
			continue
		}
		if e.result.claims == nil {
			e.result.claims = map[types.UID]plan.ClaimRefusal{}
		}
		e.result.claims[uid] = plan.ClaimRefusal{}
		if refused {
			e.result.claims[uid] = plan.ClaimRefusal{Template: plan.WantedOf(a), Message: plainly(err), At: e.Clock.Now()}
		}
	}
	return Joined(failed...)
}

// isClaimRefused reports whether the API server, a quota, or who else is asked, does not accept a
// write; and not that it was too busy, or the object had changed.
func isClaimRefused(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err)
}

// plainly is what the API server says of a claim without the claim's name, which whoever
// tells of it says before.
func plainly(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return err.Error()
	}
	message := status.Status().Message
	for _, end := range []string{" is forbidden: ", " is invalid: "} {
		if _, why, found := strings.Cut(message, end); found {
			return why
		}
	}
	return message
}

// Claims are the refusals that are to be remembered, given those before.
func (r *Result) Claims(before map[types.UID]plan.ClaimRefusal) map[types.UID]plan.ClaimRefusal {
	if r.claims == nil {
		return before
	}
	all := map[types.UID]plan.ClaimRefusal{}
	for uid, was := range before {
		if _, tried := r.claims[uid]; !tried {
			all[uid] = was
		}
	}
	for uid, is := range r.claims {
		if is.Template == "" {
			continue
		}
		if is.Count = 1; before[uid].Template == is.Template {
			is.Count += before[uid].Count
		}
		all[uid] = is
	}
	return all
}
