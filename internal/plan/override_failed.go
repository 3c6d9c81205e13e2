package plan

import (
	"fmt"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/override"
)

// overrideSuspect is the lowest pod that is not available and was made with the override of
// its ordinal, nil for none.
func (p *planner) overrideSuspect() *member {
	for _, m := range p.replicas {
		if m.owned() && m.state < Available && override.HashOn(m.pod) != "" && !p.strays(m) {
			return m
		}
	}
	return nil
}

// overrideWords name the override of a suspect, to follow what the set waits for.
func (p *planner) overrideWords() string {
	if m := p.overrideSuspect(); m != nil {
		return fmt.Sprintf("; %s was made with %s of the policy's spec.members", m.name, p.overrideFor(m.ordinal))
	}
	return ""
}

// blamesOverride reports whether it is for overrides, and not for the revision, that a
// roll-out gets no further: all of its pods that are not available were made with one, and
// others of the revision, without those, are available.
func (p *planner) blamesOverride() bool {
	if p.overrideSuspect() == nil {
		return false
	}
	suspects, works := map[string]bool{}, map[string]bool{}
	for _, m := range p.replicas {
		if !m.owned() || identity.Revision(m.pod) != p.target.Name {
			continue
		}
		hash := override.HashOn(m.pod)
		switch {
		case m.state == Available:
			works[hash] = true
		case hash == "":
			return false
		default:
			suspects[hash] = true
		}
	}
	for hash := range suspects {
		if works[hash] {
			return false
		}
	}
	return len(suspects) > 0 && len(works) > 0
}

// unlessMended is the mark of a revision whose roll-out has failed, nil if the pod that did
// not become available has another override now: with that it is another matter.
func (p *planner) unlessMended(failed *mark) *mark {
	if failed == nil || failed.Override == "" {
		return failed
	}
	_, ordinal, _ := identity.Parse(failed.Pod)
	if p.overrideFor(ordinal).Hash() != failed.Override {
		return nil
	}
	return failed
}
