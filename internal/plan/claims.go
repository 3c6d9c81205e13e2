package plan

import (
	"fmt"
	"iter"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"ordinal.dev/ordinal/internal/identity"
)

// claimsOf goes through the claims that the ordinal should have: their templates, and the
// claims themselves, nil for one that does not exist.
func (p *planner) claimsOf(ordinal int) iter.Seq2[*corev1.PersistentVolumeClaim, *corev1.PersistentVolumeClaim] {
	return func(yield func(template, claim *corev1.PersistentVolumeClaim) bool) {
		for _, template := range identity.ClaimTemplates(p.claimed) {
			if !yield(template, p.Claims[identity.ClaimName(template.Name, p.Set.Name, ordinal)]) {
				return
			}
		}
	}
}

// existingClaims goes through the claims that the ordinal has.
func (p *planner) existingClaims(ordinal int) iter.Seq[*corev1.PersistentVolumeClaim] {
	return func(yield func(*corev1.PersistentVolumeClaim) bool) {
		for _, claim := range p.claimsOf(ordinal) {
			if claim != nil && !yield(claim) {
				return
			}
		}
	}
}

// missingClaims plans the claims that the ordinal lacks.
func (p *planner) missingClaims(m *member) []Action {
	var actions []Action
	for template, claim := range p.claimsOf(m.ordinal) {
		if claim != nil {
			continue
		}
		fresh := identity.NewClaim(p.Set, template, m.ordinal)
		fresh.OwnerReferences, _ = p.wantedOwners(fresh, m)
		actions = append(actions, Action{Verb: Create, Object: fresh, Why: m.name + " needs it"})
	}
	return actions
}

// claimInTheWay says why the ordinal's claims do not allow a pod yet. A claim
// that is being deleted is never bound to (kubernetes#74374), and neither is one
// that the pod before it will take along.
func (p *planner) claimInTheWay(m *member) string {
	for _, claim := range p.claimsOf(m.ordinal) {
		switch {
		case claim == nil:
		case claim.DeletionTimestamp != nil:
			return fmt.Sprintf("cannot have its claim %s before the one that is being deleted is gone", claim.Name)
		case p.goesWithPod(claim) && refersToOther(claim, m.name, "", identity.PodKind):
			return fmt.Sprintf("cannot have its claim %s before the one of the pod that was scaled down is gone", claim.Name)
		case p.growsMeanwhile(claim) > 0:
			p.lookAgain(p.growsMeanwhile(claim))
			return fmt.Sprintf("is away until its claim %s has grown, which it does only while no pod has it", claim.Name)
		}
	}
	return ""
}

// claimOwners plans the owner references that the retention policy asks for on
// the ordinal's existing claims.
func (p *planner) claimOwners(m *member) []Action {
	var actions []Action
	for _, claim := range p.claimsOf(m.ordinal) {
		if claim == nil {
			continue
		}
		why := p.whyOwners(m)
		if other := p.otherController(claim, m); other != "" && !p.retains() {
			why = "it is controlled by " + other
			p.warn("ConflictingController", fmt.Sprintf("the retention policy is not applied to claim %s: %s", claim.Name, why))
		}
		refs, ok := p.wantedOwners(claim, m)
		if !ok || sameOwners(refs, claim.OwnerReferences) {
			continue
		}
		actions = append(actions, Action{Verb: Update, Object: claim, Change: Change{Owners: &refs}, Why: why})
	}
	return actions
}

// wantedOwners is what the claim's owner references should be. ok is false for a
// claim to keep away from: it refers to an earlier set or pod of the same name,
// and the garbage collector decides what becomes of it.
func (p *planner) wantedOwners(claim *corev1.PersistentVolumeClaim, m *member) (refs []metav1.OwnerReference, ok bool) {
	var podUID string
	if m.pod != nil {
		podUID = string(m.pod.UID)
	}
	if refersToOther(claim, p.Set.Name, string(p.Set.UID), identity.SetKind) || refersToOther(claim, m.name, podUID, identity.PodKind) {
		return nil, false
	}
	for _, ref := range claim.OwnerReferences {
		if !refersTo(ref, p.Set.Name, identity.SetKind) && !refersTo(ref, m.name, identity.PodKind) {
			refs = append(refs, ref)
		}
	}
	if p.otherController(claim, m) != "" {
		return refs, true
	}
	policy := p.retention()
	switch {
	case p.goesWithPod(claim) && p.goesForGood(m) && !m.extra && !p.keepsClaims(m):
		refs = append(refs, podRef(m.pod)) // only a pod makes an unwanted ordinal a member
	case policy.WhenDeleted == appsv1.DeletePersistentVolumeClaimRetentionPolicyType:
		refs = append(refs, *metav1.NewControllerRef(p.Set, identity.SetKind))
	}
	return refs, true
}

// podRef makes a pod the controller of its claim, without the pod having to wait
// for the claim when it is deleted in the foreground: the claim is protected until
// the pod is gone, and neither would ever go.
func podRef(pod *corev1.Pod) metav1.OwnerReference {
	ref := metav1.NewControllerRef(pod, identity.PodKind)
	ref.BlockOwnerDeletion = nil
	return *ref
}

func (p *planner) whyOwners(m *member) string {
	policy := p.retention()
	switch {
	case !p.goesForGood(m):
		return fmt.Sprintf("persistentVolumeClaimRetentionPolicy.whenDeleted is %s", policy.WhenDeleted)
	case p.ordinals.Contains(m.ordinal):
		return fmt.Sprintf("persistentVolumeClaimRetentionPolicy.whenScaled is %s, and %s has left for good", policy.WhenScaled, m.name)
	case p.keepsClaims(m):
		return fmt.Sprintf("%s has not left yet, and may need it", m.name)
	}
	if m.pod != nil && isSurge(m.pod) {
		return "it was made for the roll-out, and " + p.whyCondemned(m)
	}
	return fmt.Sprintf("persistentVolumeClaimRetentionPolicy.whenScaled is %s, and %s", policy.WhenScaled, p.whyCondemned(m))
}

// retention is the set's policy, Retain where it says nothing.
func (p *planner) retention() appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy {
	keep := appsv1.RetainPersistentVolumeClaimRetentionPolicyType
	policy := appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenDeleted: keep, WhenScaled: keep}
	if set := p.Set.Spec.PersistentVolumeClaimRetentionPolicy; set != nil {
		if set.WhenDeleted != "" {
			policy.WhenDeleted = set.WhenDeleted
		}
		if set.WhenScaled != "" {
			policy.WhenScaled = set.WhenScaled
		}
	}
	return policy
}

func (p *planner) retains() bool {
	keep := appsv1.RetainPersistentVolumeClaimRetentionPolicyType
	policy := p.retention()
	return policy.WhenDeleted == keep && policy.WhenScaled == keep
}

// otherController names the claim's controller if it is neither the set nor the
// member's pod.
func (p *planner) otherController(claim *corev1.PersistentVolumeClaim, m *member) string {
	ref := metav1.GetControllerOfNoCopy(claim)
	if ref == nil || refersTo(*ref, p.Set.Name, identity.SetKind) || refersTo(*ref, m.name, identity.PodKind) {
		return ""
	}
	return ref.Kind + " " + ref.Name
}

func refersTo(ref metav1.OwnerReference, name string, kind schema.GroupVersionKind) bool {
	return ref.Name == name && isOfKind(ref, kind)
}

func isOfKind(ref metav1.OwnerReference, kind schema.GroupVersionKind) bool {
	return ref.Kind == kind.Kind && ref.APIVersion == kind.GroupVersion().String()
}

// refersToOther reports whether the claim is owned by an object of this name and
// kind with another UID.
func refersToOther(claim *corev1.PersistentVolumeClaim, name, uid string, kind schema.GroupVersionKind) bool {
	return slices.ContainsFunc(claim.OwnerReferences, func(ref metav1.OwnerReference) bool {
		return refersTo(ref, name, kind) && string(ref.UID) != uid
	})
}

// sameOwners compares owner references by what they mean, in any order.
func sameOwners(a, b []metav1.OwnerReference) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(x metav1.OwnerReference) bool {
		return !slices.ContainsFunc(b, func(y metav1.OwnerReference) bool {
			return x.UID == y.UID && isController(x) == isController(y)
		})
	})
}

func isController(ref metav1.OwnerReference) bool { return ref.Controller != nil && *ref.Controller }
