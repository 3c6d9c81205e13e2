package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/api/v1alpha1"
)

// A PolicyStatus is what there is to report of a policy.
type PolicyStatus struct {
	Policy *v1alpha1.StatefulSetPolicy // as it was seen
	Status v1alpha1.StatefulSetPolicyStatus
}

// States of a policy, in its status.
const (
	policyIdle        = "Idle"
	policyRollingOut  = "RollingOut"
	policyPaused      = "Paused"
	policyWaiting     = "Waiting"
	policyHeld        = "Held"
	policyReverting   = "Reverting"
	policyReverted    = "Reverted"
	policyConflicting = "Conflicting"
	policyNoTarget    = "NoTarget"
	policyLeaving     = "Leaving"
	policyJoining     = "Joining"
)

// reportPolicies says of each policy whether it is in effect, and what it does. The words
// change when the state does, and not with every pod.
func (p *planner) reportPolicies() {
	for _, policy := range p.Policies {
		if policy == p.policy {
			p.plan.Policies = append(p.plan.Policies, p.inEffect(policy))
			continue
		}
		why := fmt.Sprintf("policy %s is older and has the same target: delete one of the two", p.policy.Name)
		status := statusOf(policy, policyConflicting, why)
		condition(&status, p.Now, v1alpha1.ConditionConflicting, metav1.ConditionTrue, "OlderPolicy", why)
		condition(&status, p.Now, v1alpha1.ConditionAccepted, metav1.ConditionFalse, policyConflicting, why)
		p.plan.Policies = append(p.plan.Policies, PolicyStatus{policy, status})
	}
}

// inEffect is the status of the policy that counts.
func (p *planner) inEffect(policy *v1alpha1.StatefulSetPolicy) PolicyStatus {
	state, why := p.rollOutState()
	status := statusOf(policy, state, why)
	condition(&status, p.Now, v1alpha1.ConditionAccepted, metav1.ConditionTrue, "Accepted", "the policy is in effect for StatefulSet "+p.Set.Name)
	if cannot := slices.Concat(p.unsupported(), p.unreadable(), p.surgeObstacles(), p.ignoredOverrides(), p.badOverrides); len(cannot) > 0 {
		condition(&status, p.Now, v1alpha1.ConditionUnsupported, metav1.ConditionTrue, "NotHonored", strings.Join(cannot, "; "))
	} else {
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionUnsupported)
	}
	return PolicyStatus{policy, status}
}

// rollOutState is the state of the roll-out in a word, and in several.
func (p *planner) rollOutState() (state, why string) {
	switch {
	case p.pause == reasonPaused && !p.rollingOut():
		return policyPaused, "the roll-out of " + p.besideRevisions() + " is paused"
	case p.pause == reasonPaused:
		return policyPaused, fmt.Sprintf("the roll-out of revision %s is paused", p.update.Name)
	case p.failed != nil && p.target != p.update && p.standing() == "":
		return policyReverted, fmt.Sprintf("revision %s has failed, and all pods are at %s: apply another template", p.update.Name, p.target.Name)
	case p.failed != nil && p.target != p.update:
		return policyReverting, fmt.Sprintf("revision %s has failed, and pods go back to %s", p.update.Name, p.target.Name)
	case p.failed != nil:
		return policyHeld, fmt.Sprintf("revision %s has failed: %s", p.update.Name, p.failed.Reason)
	case p.pause != "":
		return policyWaiting, p.standing()
	case p.mayAct() && p.standing() != "" && p.rollingOut():
		return policyRollingOut, "to revision " + p.update.Name
	case p.mayAct() && p.standing() != "" && (p.overriding() || p.arriving()):
		return policyRollingOut, "to " + p.besideRevisions()
	case p.departures.now != nil:
		return policyLeaving, p.leavingWords()
	case p.joins.now != nil:
		return policyJoining, p.joins.now.name + " joins before its pod is created"
	}
	if why := p.awaitsRemoval(); why != "" {
		return policyWaiting, why
	}
	return policyIdle, ""
}

// statusOf is a policy's status but for the conditions that say something new.
func statusOf(policy *v1alpha1.StatefulSetPolicy, state, why string) v1alpha1.StatefulSetPolicyStatus {
	status := *policy.Status.DeepCopy()
	status.ObservedGeneration, status.State, status.Reason = policy.Generation, state, why
	if state != policyConflicting {
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionConflicting)
	}
	return status
}

// WithoutTarget is the status of a policy whose target does not exist.
func WithoutTarget(policy *v1alpha1.StatefulSetPolicy, now time.Time) PolicyStatus {
	why := fmt.Sprintf("there is no StatefulSet %s in namespace %s: the policy takes effect when there is one", policy.Spec.TargetRef.Name, policy.Namespace)
	status := statusOf(policy, policyNoTarget, why)
	meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionUnsupported)
	condition(&status, now, v1alpha1.ConditionAccepted, metav1.ConditionFalse, "TargetNotFound", why)
	return PolicyStatus{policy, status}
}

// condition sets a condition; its time changes only if its status does.
func condition(status *v1alpha1.StatefulSetPolicyStatus, now time.Time, kind string, is metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(&status.Conditions, metav1.Condition{
		Type: kind, Status: is, Reason: reason, Message: message,
		ObservedGeneration: status.ObservedGeneration, LastTransitionTime: metav1.NewTime(now.Truncate(time.Second)),
	})
}
