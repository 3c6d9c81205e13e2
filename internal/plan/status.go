package plan

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

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
			p.count(m.pod)
		}
	}
	if p.updateComplete() {
		status.CurrentRevision = status.UpdateRevision
		status.CurrentReplicas = status.UpdatedReplicas
	}
}

// count adds a pod that the set owns to the status, and looks again when it is to be
// counted otherwise: one that is terminating may become available, too.
func (p *planner) count(pod *corev1.Pod) {
	status := &p.plan.Status
	status.Replicas++
	if ready, left := readiness(pod, p.minReady, p.Now); ready {
		status.ReadyReplicas++
		if left == 0 {
			status.AvailableReplicas++
		} else {
			p.lookAgain(left)
		}
	}
	if pod.DeletionTimestamp != nil {
		return
	}
	switch identity.Revision(pod) {
	case p.update.Name:
		status.UpdatedReplicas++
		if p.current.Name == p.update.Name {
			status.CurrentReplicas++
		}
	case p.current.Name:
		status.CurrentReplicas++
	}
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
