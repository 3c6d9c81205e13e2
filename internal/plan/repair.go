package plan

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/identity"
)

// repairMembers puts right what has drifted: identity labels, missing claims of
// pods that have not started, and the owners of claims. What belongs to a pod
// that this plan deletes is done before it is deleted.
func (p *planner) repairMembers() {
	for _, m := range slices.Concat(p.replicas, p.condemned) {
		if !m.owned() {
			continue
		}
		owners := p.claimOwners(m)
		if m.action >= 0 {
			owners = append(owners, p.noteUnmounted(m)...)
			p.plan.Actions[m.action].Needs = append(owners, p.plan.Actions[m.action].Needs...)
			continue
		}
		p.plan.Actions = append(p.plan.Actions, owners...)
		if m.state == Terminating || m.state == Finished {
			continue
		}
		if drift := identity.Drift(m.pod, m.ordinal); drift != nil {
			p.do(Action{
				Verb: Update, Object: m.pod, Change: Change{Labels: drift},
				Why: "its labels do not say which member it is",
			})
		}
		if m.pod.Status.Phase == corev1.PodPending && !p.NamespaceEnds && p.onLost() == "" && p.ordinals.Contains(m.ordinal) {
			p.plan.Actions = append(p.plan.Actions, p.missingClaims(m)...)
		}
		if !identity.MountsClaims(p.Set, m.pod, m.ordinal) {
			p.warn("StorageMismatch", fmt.Sprintf(
				"pod %s does not mount the claims of spec.volumeClaimTemplates, and a pod's volumes cannot be changed: delete it, and it comes back with them", m.name))
		}
	}
}
