package sim

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/sim/apiserver"
)

var claimsAreKept = promise{
	sentence: "A claim goes only by its user's hand, by the retention policy, or where a policy has lost ones made anew; an ordinal uses its own claims, and none that is being deleted.",
	event: func(j *judge, e apiserver.Event, by *instance) string {
		switch object := e.Object.(type) {
		case *corev1.PersistentVolumeClaim:
			return j.claimChanged(e, object, by)
		case *corev1.Pod:
			if by != nil && e.Type == added {
				return j.claimsOf(e, object, by)
			}
		}
		return ""
	},
}

func (j *judge) claimChanged(e apiserver.Event, claim *corev1.PersistentVolumeClaim, by *instance) string {
	switch {
	case removal(e) && by != nil:
		return j.mayRecreate(e, claim, by)
	case removal(e) && !j.userDeleted[claim.Name] && !j.w.api.Terminating[namespace] && len(e.Old.GetOwnerReferences()) == 0:
		return fmt.Sprintf("claim %s was deleted, and nobody had asked for it", claim.Name)
	case by != nil && e.Type != deleted && !sameOwners(e):
		return j.allowed(e, by, func(v *view) string { return v.ownersByPolicy(claim) })
	}
	return ""
}

// ownersByPolicy says how a claim's owners differ from what the retention policy
// asks for.
func (v *view) ownersByPolicy(claim *corev1.PersistentVolumeClaim) string {
	_, ordinal, ok := identity.Parse(claim.Name)
	if !ok {
		return fmt.Sprintf("claim %s is no member's", claim.Name)
	}
	policy := policyOf("Retain/Retain")
	if p := v.set.Spec.PersistentVolumeClaimRetentionPolicy; p != nil {
		policy = p
	}
	remove := appsv1.DeletePersistentVolumeClaimRetentionPolicyType
	want := ""
	switch {
	case policy.WhenScaled == remove && !v.wanted(ordinal):
		want = "Pod"
	case policy.WhenDeleted == remove:
		want = "StatefulSet"
	}
	have := ""
	for _, ref := range claim.OwnerReferences {
		if ref.Kind == "Pod" || ref.Kind == "StatefulSet" {
			have += ref.Kind
		}
	}
	if have != want && !v.leavesWith(claim, ordinal, have) {
		return fmt.Sprintf("claim %s is owned by %q, and the retention policy asks for %q", claim.Name, have, want)
	}
	return ""
}

// claimsOf checks the claims of a pod that a controller has created.
func (j *judge) claimsOf(e apiserver.Event, pod *corev1.Pod, by *instance) string {
	for _, volume := range pod.Spec.Volumes {
		source := volume.PersistentVolumeClaim
		if source == nil {
			continue
		}
		if source.ClaimName != volume.Name+"-"+pod.Name {
			return fmt.Sprintf("%s uses claim %s, which is another's", pod.Name, source.ClaimName)
		}
		if j.dyingSince(source.ClaimName, e.Version, by.begun) {
			return fmt.Sprintf("%s was created on claim %s, which was being deleted", pod.Name, source.ClaimName)
		}
	}
	return ""
}

// dyingSince reports whether a claim was being deleted, or gone, at every instant
// from one version to another.
func (j *judge) dyingSince(claim string, to, from int64) bool {
	log := j.w.api.Log()
	for _, e := range slices.Backward(log) {
		if e.Kind != claims || e.Object.GetName() != claim || e.Version >= to {
			continue
		}
		if e.Type != deleted && e.Object.GetDeletionTimestamp() == nil {
			return false
		}
		if e.Version <= from {
			return true
		}
	}
	return true
}

// leavesWith reports whether the owners of a claim are right for one of an ordinal that leaves
// for good: it goes with its pod when that has left, wanted again or not, and not before.
func (v *view) leavesWith(claim *corev1.PersistentVolumeClaim, ordinal int, have string) bool {
	d, leaves := v.departures()[ordinal]
	p := v.set.Spec.PersistentVolumeClaimRetentionPolicy
	goes := p != nil && p.WhenScaled == appsv1.DeletePersistentVolumeClaimRetentionPolicyType
	switch {
	case v.leave() == nil || !goes:
		return false
	case have == "Pod":
		return leaves && (!d.Left.IsZero() || v.givenUp(d) || v.member(ordinal) == nil)
	}
	stays := ""
	if p.WhenDeleted == appsv1.DeletePersistentVolumeClaimRetentionPolicyType {
		stays = "StatefulSet"
	}
	return have == stays
}
