package impact

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// An Impact is what would change for some sets.
type Impact struct {
	Sets []Set `json:"sets"`
}

// A Set is what would change for one set, with its pods as they are now. A roll-out that
// is under way goes on: its pods count, too.
type Set struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Pods      int    `json:"pods"`

	Restarted []string `json:"restarted,omitempty"` // pods that would be replaced or removed
	Healed    []string `json:"healed,omitempty"`    // those of them that nothing but Ordinal would replace
	Revisions []string `json:"revisions,omitempty"` // that would be made
	Services  []string `json:"services,omitempty"`  // that would be made
	// Changes are all writes with their reasons, but for that of the status.
	Changes []string `json:"changes,omitempty"`
	// Waits is what the set would go on waiting for, empty for nothing.
	Waits string `json:"waits,omitempty"`
	// NotUnderstood says why the set would be left alone, empty if it would not.
	NotUnderstood string `json:"notUnderstood,omitempty"`
}

// Of is the impact for one set, of which s is known and p was made.
func Of(s plan.Snapshot, p plan.Plan) Set {
	set := Set{Namespace: s.Set.Namespace, Name: s.Set.Name, Pods: int(p.Status.Replicas), NotUnderstood: p.Frozen}
	if len(p.Waits) > 0 {
		set.Waits = p.Waits[0].String()
	}
	set.count(p.Actions, p.Healed)
	return set
}

func (s *Set) count(actions []plan.Action, healed []int) {
	for _, a := range actions {
		s.count(a.Needs, healed)
		name := a.Object.GetName()
		switch a.Kind() {
		case "pod":
			if _, ordinal, ok := identity.Parse(name); a.Verb == plan.Delete || a.Verb == plan.Evict {
				s.Restarted = append(s.Restarted, name)
				if ok && slices.Contains(healed, ordinal) {
					s.Healed = append(s.Healed, name)
				}
			}
		case "revision":
			if a.Verb == plan.Create {
				s.Revisions = append(s.Revisions, name)
			}
		case "service":
			if service, ok := a.Object.(*corev1.Service); ok && a.Verb == plan.Create {
				s.Services = append(s.Services, service.Name)
			}
		}
		s.Changes = append(s.Changes, a.String())
	}
}

// Sort puts the sets in the order of their names.
func (i *Impact) Sort() {
	slices.SortFunc(i.Sets, func(a, b Set) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}
