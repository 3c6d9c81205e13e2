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
	p.update, p.target = decision.Update, decision.Update
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
		if text := p.wantedText(); text != "" {
			p.update.Annotations = with(p.update.Annotations, RevisionClaimsAnnotation, text)
		}
		p.do(Action{Verb: Create, Object: p.update, Why: "the pod template is new"})
	case decision.Change == revision.Renumber:
		p.tellOfClaims()
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

// belowPartition reports whether the ordinal is held at the current revision. The partition
// counts the pods from the lowest on, and not reserved ordinals: so kubectl rollout status and
// kstatus count it, who know of none.
func (p *planner) belowPartition(ordinal int) bool {
	return p.strategy == appsv1.RollingUpdateStatefulSetStrategyType && ordinal < p.ordinals.Nth(p.partition)
}

// templateFor is the pod template, and its revision's name, from which a pod of
// this ordinal is made.
func (p *planner) templateFor(ordinal int) (*corev1.PodTemplateSpec, string, error) {
	if m := p.strangerToHistory(ordinal); m != nil {
		return nil, "", fmt.Errorf("%s is at revision %s, which is not in the history, and while the roll-out %s pods come back as they were", m.name, identity.Revision(m.pod), p.still)
	}
	of := p.revisionFor(ordinal)
	if of.Name == p.update.Name {
		return &p.Set.Spec.Template, p.update.Name, nil
	}
	template, err := revision.Template(of)
	return template, of.Name, err
}

// revisionFor is the revision that a pod of this ordinal is made at.
func (p *planner) revisionFor(ordinal int) *appsv1.ControllerRevision {
	switch {
	case p.belowPartition(ordinal):
		return p.current
	case p.still != "":
		return p.boreOrCurrent(ordinal)
	}
	return p.target
}

// truncateHistory deletes the oldest revisions that no pod, and neither side of
// an update, still needs.
func (p *planner) truncateHistory() {
	limit := 10
	if n := p.Set.Spec.RevisionHistoryLimit; n != nil {
		limit = int(*n)
	}
	live := map[string]bool{p.current.Name: true, p.update.Name: true}
	if on := p.membership; on != nil { // who joins and who leaves is noted on it
		live[on.Name] = true
	}
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
