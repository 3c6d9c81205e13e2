package plan

import (
	"cmp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/revision"
)

// sharer is one of the sets that name the same governing Service, with what its members
// are made from.
type sharer struct {
	set             *appsv1.StatefulSet
	revisions       []*appsv1.ControllerRevision
	pods            []*corev1.Pod
	current, update string // names of revisions
	// overridden are the set's template with overrides of its policy; of other sets they are
	// known once their pods have them.
	overridden []*corev1.PodTemplateSpec
}

// templates are the pod templates that the set's members are made from, or will be
// next: of the update revision, which is the set's own, with overrides, too, the current
// one, and those of its pods. One that cannot be read makes no pods either.
func (s sharer) templates() []*corev1.PodTemplateSpec {
	all := append([]*corev1.PodTemplateSpec{&s.set.Spec.Template}, s.overridden...)
	inUse := map[string]bool{s.current: true}
	for _, pod := range s.pods {
		inUse[identity.Revision(pod)] = true
	}
	for _, r := range s.revisions {
		if r.Name == s.update || !inUse[r.Name] {
			continue
		}
		if template, err := revision.Template(r); err == nil {
			all = append(all, template)
		}
	}
	return all
}

// isPartlyUnknown reports whether a pod is of a revision that is not there any more, since
// somebody has deleted it. Nobody knows the pod's ports then.
func (s sharer) isPartlyUnknown() bool {
	return slices.ContainsFunc(s.pods, func(pod *corev1.Pod) bool {
		name := identity.Revision(pod)
		return name != s.update && !slices.ContainsFunc(s.revisions, func(r *appsv1.ControllerRevision) bool { return r.Name == name })
	})
}

// allSharers are the sets that name the same governing Service, the oldest first.
func (p *planner) allSharers() []sharer {
	if p.sharers != nil {
		return p.sharers
	}
	all := []sharer{p.self()}
	for _, other := range p.Sharing {
		s := sharer{set: other.Set, revisions: other.Revisions, current: other.Set.Status.CurrentRevision, update: other.Set.Status.UpdateRevision}
		if other.Set.Status.ObservedGeneration != other.Set.Generation {
			s.update = "" // the template may be of a revision that the status does not know
		}
		for _, pod := range p.Neighbours {
			if metav1.IsControlledBy(pod, other.Set) {
				s.pods = append(s.pods, pod)
			}
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b sharer) int {
		return cmp.Or(a.set.CreationTimestamp.Compare(b.set.CreationTimestamp.Time), cmp.Compare(a.set.Name, b.set.Name))
	})
	p.sharers = all
	return all
}

// group is those of them that a Service is made for: not those in deletion, and not
// those that want none made.
func (p *planner) group() []sharer {
	return slices.DeleteFunc(slices.Clone(p.allSharers()), func(s sharer) bool {
		_, err := identity.Selector(s.set)
		return s.set.DeletionTimestamp != nil || err != nil || !p.enabledFor(s.set, GoverningService)
	})
}

// governor is the set whose plans write the Service: the oldest. The others say what it
// does.
func (p *planner) governor() *appsv1.StatefulSet {
	if group := p.group(); len(group) > 0 {
		return group[0].set
	}
	return nil
}

// others are the pods of the namespace, as far as they are known, that are not the set's,
// those of an earlier set of its name among them.
func (p *planner) others() []*corev1.Pod {
	others := slices.DeleteFunc(slices.Clone(p.Pods), func(pod *corev1.Pod) bool { return metav1.IsControlledBy(pod, p.Set) })
	return append(others, p.Neighbours...)
}

// ending reports whether the pod is still a member of a set with the same governing
// Service that is being deleted, or is gone already.
func (p *planner) ending(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil || owner.Kind != identity.SetKind.Kind || pod.Spec.Subdomain != p.Set.Spec.ServiceName {
		return false
	}
	if pod.DeletionTimestamp != nil {
		return true
	}
	for _, s := range p.allSharers() {
		if s.set.UID == owner.UID {
			return s.set.DeletionTimestamp != nil
		}
	}
	return true
}
