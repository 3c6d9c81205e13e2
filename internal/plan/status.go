package plan

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"

	"ordinal.dev/ordinal/internal/identity"
)

// reportStatus derives the status from the pods as they are, not as the plan's
// actions will leave them.
func (p *planner) reportStatus() {
	status := &p.plan.Status
	status.ObservedGeneration = p.Set.Generation
	status.CurrentRevision = p.current.Name
	status.UpdateRevision = p.update.Name
	collisions := p.collisions()
	status.CollisionCount = &collisions
	p.plan.MaxUnavailable, p.plan.Unavailable = p.maxUnavailable, p.beyond
	for _, m := range p.replicas {
		if m.state != Available {
			p.plan.Unavailable++
		}
	}
	for _, m := range slices.Concat(p.replicas, p.condemned) {
		if m.owned() {
			p.count(m)
		}
	}
	if p.updateComplete() {
		status.CurrentRevision = status.UpdateRevision
		status.CurrentReplicas = status.UpdatedReplicas
	}
}

// count adds a pod that the set owns to the status, and looks again when it is to be
// counted otherwise: one that is terminating may become available, too.
func (p *planner) count(m *member) {
	status, pod := &p.plan.Status, m.pod
	status.Replicas++
	if ready, left := readiness(pod, p.minReady, p.Now); ready {
		status.ReadyReplicas++
		if left == 0 && !p.isMoving(m) {
			status.AvailableReplicas++
		} else if left > 0 {
			p.lookAgain(left)
		}
	}
	if pod.DeletionTimestamp != nil || p.isBeside(m) || p.isMoving(m) || p.hasLeft(m) {
		return // what is on its way, or extra, is neither current nor updated
	}
	switch at := identity.Revision(pod); {
	case at == p.update.Name && (p.strays(m) || p.mountsOther(m)): // it is to be replaced as an outdated one is
	case at == p.update.Name:
		status.UpdatedReplicas++
		if p.current.Name == p.update.Name {
			status.CurrentReplicas++
		}
	case at == p.current.Name:
		status.CurrentReplicas++
	}
}

// isBeside reports whether a pod is there besides the wanted ones, to which those who read the
// status would take it to belong: an extra one, or one whose place another takes. Without a
// policy for that, pods that are scaled down count as upstream counts them.
func (p *planner) isBeside(m *member) bool {
	return !p.ordinals.Contains(m.ordinal) && (isSurge(m.pod) || p.scaling() != nil)
}

// updateComplete reports whether the update revision is the current one from now
// on, which takes pods that are available, not only ready (kubernetes#136831). A set of no pods says nothing about the ordinals that a partition holds
// back: scaled up again, they return at the revision they had
// (kubernetes#121534).
func (p *planner) updateComplete() bool {
	status, wanted := &p.plan.Status, int32(p.ordinals.Count)
	if wanted == 0 && p.partition > 0 && p.strategy == appsv1.RollingUpdateStatefulSetStrategyType {
		return false
	}
	return status.UpdatedReplicas == wanted && status.AvailableReplicas == wanted && status.Replicas == wanted
}
