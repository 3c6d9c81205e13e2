package revision

import (
	"bytes"
	"cmp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
)

// Sort orders revisions from the oldest to the newest.
func Sort(revisions []*appsv1.ControllerRevision) {
	slices.SortStableFunc(revisions, func(a, b *appsv1.ControllerRevision) int {
		return cmp.Or(
			cmp.Compare(a.Revision, b.Revision),
			a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
			cmp.Compare(a.Name, b.Name),
		)
	})
}

// A Decision says which revision the set's template is, and what has to be done
// to the history so that it says so too.
type Decision struct {
	Update *appsv1.ControllerRevision // the revision of the set's present template
	Change Change
}

// Change is what a Decision asks of the history.
type Change int

const (
	Unchanged Change = iota
	Create           // Update is new and must be created
	Renumber         // Update exists, and must become the newest: Number says how
)

// Decide finds the set's template, whose [Data] is data, in its sorted history. A
// template that was seen before is taken back by making its revision the newest,
// never by a new one, and a template that only differs in defaults is the newest
// revision itself (kubernetes#134773). One whose name no pod can carry, as upstream made
// them for sets with long names, does not count. A Renumber decision's Update is a copy that
// already has the new number.
func Decide(set *appsv1.StatefulSet, data []byte, history []*appsv1.ControllerRevision, collisions int32) Decision {
	number := int64(1)
	var newest *appsv1.ControllerRevision
	if len(history) > 0 {
		newest = history[len(history)-1]
		number = newest.Revision + 1
	}
	for _, old := range slices.Backward(history) {
		switch {
		case !bytes.Equal(old.Data.Raw, data) || !fits(old):
		case old == newest:
			return Decision{Update: newest}
		default:
			renumbered := old.DeepCopy()
			renumbered.Revision = number
			return Decision{Update: renumbered, Change: Renumber}
		}
	}
	if newest != nil && fits(newest) && SameTemplate(newest.Data.Raw, data) {
		return Decision{Update: newest}
	}
	return Decision{Update: record(set, data, number, collisions), Change: Create}
}

// Surplus returns the revisions to delete, oldest first, so that at most limit
// remain besides the live ones. A negative limit keeps everything.
func Surplus(history []*appsv1.ControllerRevision, live map[string]bool, limit int) []*appsv1.ControllerRevision {
	var old []*appsv1.ControllerRevision
	for _, r := range history {
		if !live[r.Name] {
			old = append(old, r)
		}
	}
	if limit < 0 || len(old) <= limit {
		return nil
	}
	return old[:len(old)-limit]
}
