package plan

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/revision"
)

// chooseRevisions finds the update revision, which is that of the set's
// template, and the current one, which is that of the pods before the update.
func (p *planner) chooseRevisions() {
	p.history = append(p.history, p.Revisions...)
	revision.Sort(p.history)
	decision, err := p.decide()
	if err != nil {
		p.freeze("InvalidTemplate", err.Error())
		decision.Update = &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Name: p.Set.Status.UpdateRevision}}
	}
	p.update = decision.Update
	p.current = p.currentRevision()
	if !p.mayAct() {
		return
	}
	for _, r := range p.history {
		if metav1.GetControllerOfNoCopy(r) == nil {
			p.do(Action{Verb: Adopt, Object: r, Why: "it matches spec.selector and nobody owns it"})
		}
	}
	switch {
	case p.NamespaceEnds: // nothing can be created, nor follow from it
	case decision.Change == revision.Create:
		p.do(Action{Verb: Create, Object: p.update, Why: "the pod template is new"})
	case decision.Change == revision.Renumber:
		p.do(Action{
			Verb: Update, Object: p.update, Change: Change{Number: p.update.Revision},
			Why: "the pod template is that of an earlier revision again",
		})
	}
}

func (p *planner) decide() (revision.Decision, error) {
	data := p.Template
	if data == nil {
		var err error
		if data, err = revision.Data(p.Set); err != nil {
			return revision.Decision{}, err
		}
	}
	return revision.Decide(p.Set, data, p.history, p.collisions()), nil
}

func (p *planner) collisions() int32 {
	if n := p.Set.Status.CollisionCount; n != nil {
		return *n
	}
	return 0
}

// currentRevision is the one that the status names. Where the status is lost,
// it is the newest other revision that a pod still has, and without such a pod
// the update revision itself.
func (p *planner) currentRevision() *appsv1.ControllerRevision {
	var seen *appsv1.ControllerRevision
	for _, r := range p.history {
		if r.Name == p.Set.Status.CurrentRevision {
			return r
		}
		if r.Name != p.update.Name && p.inUse(r) {
			seen = r
		}
	}
	if seen != nil {
		return seen
	}
	return p.update
}

func (p *planner) inUse(r *appsv1.ControllerRevision) bool {
	for _, pod := range p.Pods {
		if identity.Revision(pod) == r.Name && metav1.IsControlledBy(pod, p.Set) {
			return true
		}
	}
	return false
}

// belowPartition reports whether the ordinal is held at the current revision.
func (p *planner) belowPartition(ordinal int) bool {
	return p.strategy == appsv1.RollingUpdateStatefulSetStrategyType && ordinal < p.ordinals.Start+p.partition
}

// templateFor is the pod template, and its revision's name, from which a pod of
// this ordinal is made.
func (p *planner) templateFor(ordinal int) (*corev1.PodTemplateSpec, string, error) {
	if !p.belowPartition(ordinal) || p.current.Name == p.update.Name {
		return &p.Set.Spec.Template, p.update.Name, nil
	}
	template, err := revision.Template(p.current)
	return template, p.current.Name, err
}

// truncateHistory deletes the oldest revisions that no pod, and neither side of
// an update, still needs.
func (p *planner) truncateHistory() {
	limit := 10
	if n := p.Set.Spec.RevisionHistoryLimit; n != nil {
		limit = int(*n)
	}
	live := map[string]bool{p.current.Name: true, p.update.Name: true}
	for _, pod := range p.Pods {
		live[identity.Revision(pod)] = true
	}
	for _, r := range revision.Surplus(p.history, live, limit) {
		if !metav1.IsControlledBy(r, p.Set) {
			continue // it is adopted first
		}
		p.do(Action{Verb: Delete, Object: r, Why: fmt.Sprintf("it is not in use, and spec.revisionHistoryLimit is %d", limit)})
	}
}
