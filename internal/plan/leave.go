package plan

import "slices"

// leaves reports whether a set is being given back.
func (s *Snapshot) leaves(set string) bool { return slices.Contains(s.Leaving, set) }

// takeBack removes from a set that is given back what the in-tree controller would not keep
// true: conditions, the finalizer by which pods are deleted in order, and the mark by which a Service is followed. The Service itself stays,
// and its owner references, so that it goes with its sets. It is kept marked while another
// of its sets stays.
func (p *planner) takeBack() {
	p.plan.Status = *p.Set.Status.DeepCopy()
	p.dropConditions()
	p.dropStalled()
	if slices.Contains(p.Set.Finalizers, DeletionFinalizer) {
		p.dropFinalizer("it is given back to the in-tree controller, which knows of no order")
	}
	stays := func(s Sharer) bool { return !p.leaves(s.Set.Name) }
	if service := p.Service; service != nil && service.Annotations[ServiceMark] != "" && !slices.ContainsFunc(p.Sharing, stays) {
		p.do(note(service, ServiceMark, "", "its sets are given back to the in-tree controller"))
	}
}
