package interlock

import (
	"maps"
	"slices"
	"strings"

	"ordinal.dev/ordinal/internal/fence"
)

// Record is how each namespace stands. sets are the names of a namespace's sets.
func (i *Interlock) Record(version string, sets func(namespace string) []string) fence.Record {
	i.mu.Lock()
	defer i.mu.Unlock()
	r := fence.Record{Version: version, Mode: i.mode, Namespaces: []fence.NamespaceRecord{}}
	if i.mode == fence.Fenced {
		r.Fence = i.fault()
	}
	for _, name := range slices.Sorted(maps.Keys(i.spaces)) {
		r.Namespaces = append(r.Namespaces, i.spaces[name].record(name, i.mode, r.Fence, sets(name)))
	}
	return r
}

func (s *space) record(name, mode, fault string, sets []string) fence.NamespaceRecord {
	r := fence.NamespaceRecord{Name: name, Sets: s.charge.Sets(), Since: s.since}
	r.State, r.Why = s.state(mode, fault)
	var unlisted []string
	for _, set := range slices.Sorted(maps.Keys(s.unlisted)) {
		unlisted = append(unlisted, unlistedWords(set, s.unlisted[set]))
	}
	if len(unlisted) > 0 && r.Why == "" {
		r.Why = strings.Join(unlisted, "; ")
	}
	if r.State != fence.Acting || !s.charge.Leaves() {
		return r
	}
	r.State, r.Left = fence.Leaving, slices.Sorted(maps.Keys(s.left))
	stays := func(set string) bool { return s.charge.Leaving(set) && !s.left[set] && s.has(mode, set) }
	if !slices.ContainsFunc(sets, stays) {
		r.State = fence.Left
		if s.charge.Leaving(fence.All) {
			r.Left = []string{fence.All}
		}
	}
	return r
}

// has reports whether a set is one of those that were acted on.
func (s *space) has(mode, set string) bool { return mode == fence.WholeCluster || s.charge.Has(set) }

func (s *space) state(mode, fault string) (state, why string) {
	switch {
	case s.charge.OptedOut():
		return fence.Stopped, "the namespace has the label " + fence.Label + "=" + fence.InTree
	case mode == fence.WholeCluster || s.proof != 0:
		return fence.Acting, ""
	case fault == "" && (s.proving.refused > 0 || s.proving.next.IsZero()):
		return fence.Proving, s.why
	}
	return fence.Stopped, s.why
}
