package sim

import (
	"encoding/json"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// members are who is a member, and who joins, as it is noted.
type members struct {
	Members identity.Ranges
	Joining map[int]joining
}

type joining struct{ Since, Joined time.Time }

// membersOn are those that a revision notes, nil if it notes none.
func membersOn(r *appsv1.ControllerRevision) *members {
	text, has := r.Annotations[plan.MembersAnnotation]
	noted := &members{}
	if !has || json.Unmarshal([]byte(text), noted) != nil {
		return nil
	}
	return noted
}

// members are those that the set's revisions note, nil for nothing.
func (v *view) members() *members {
	for _, r := range v.history() {
		if noted := membersOn(r); noted != nil {
			return noted
		}
	}
	return nil
}

// join is what the policy says of new members, nil for nothing.
func (v *view) join() *v1alpha1.Join {
	if policy := v.policy(); policy != nil && policy.Spec.Scaling != nil {
		return policy.Spec.Scaling.Join
	}
	return nil
}

// isMember reports whether an ordinal is noted to be that of a member. One whose data is gone
// has to join all the same; that is for the golden files to tell.
func (v *view) isMember(ordinal int) bool {
	noted := v.members()
	return noted != nil && noted.Members.Contains(ordinal)
}

// isBesideNewcomer reports whether the pod of an ordinal comes back that does not wait for one
// before it which is new, or lost its data.
func (v *view) isBesideNewcomer(before, ordinal int) bool {
	return v.join() != nil && v.member(before) == nil && v.isMember(ordinal)
}

// joinGivenUp reports whether the policy goes on without an ordinal's having joined.
func (v *view) joinGivenUp(e joining) bool {
	hook := v.join()
	if hook == nil || hook.OnFailure != v1alpha1.Continue || e.Since.IsZero() {
		return false
	}
	return !v.now.Before(e.Since.Add(time.Duration(ptr.Deref(hook.TimeoutSeconds, 300)) * time.Second))
}

// joinCall is the call by which an ordinal joined, as the application remembers it.
func joinCall(set string, ordinal int, e joining) plan.HookCall {
	return plan.HookCall{UID: types.UID(identity.PodName(set, ordinal)), Revision: e.Since.UTC().Format(time.RFC3339Nano)}
}
