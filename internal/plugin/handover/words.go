package handover

import (
	"cmp"
	"fmt"
	"slices"

	"ordinal.dev/ordinal/internal/fence"
)

// A Stage is how far the controller is with a target.
type Stage struct {
	Done bool
	// Stopped is set if it has stopped, and will not go on before somebody does something.
	Stopped bool
	Words   string // what is waited for, or why it has stopped
}

// Taken is how far it is with taking a target.
func Taken(r *fence.Record, t Target) Stage {
	n := of(r, t)
	switch {
	case n == nil:
		return Stage{Words: "the controller has not seen the label yet"}
	case n.State == fence.Stopped:
		return Stage{Stopped: true, Words: "the controller has stopped: " + n.Why}
	case n.State == fence.Proving: // and writes nothing
		return Stage{Words: cmp.Or(n.Why, "the fence is being proven")}
	case n.State == fence.Acting && has(n.Sets, t), !t.Whole() && has(n.Sets, t) && !hasAny(n.Left, t): // others may be leaving
		return Stage{Done: true}
	case n.State == fence.Acting:
		return Stage{Words: "the controller has not seen yet that the set is Ordinal's"}
	}
	return Stage{Words: "the controller has not seen yet that it is to stay: it is " + n.State}
}

// Left is how far it is with giving a target back.
func Left(r *fence.Record, t Target) Stage {
	n := of(r, t)
	switch {
	case n == nil:
		return Stage{Words: "the controller does not speak of the namespace"}
	case len(n.Left) > 0 && has(n.Left, t):
		return Stage{Done: true}
	case n.State == fence.Stopped:
		return Stage{Stopped: true, Words: "the controller has stopped: " + n.Why}
	case n.State != fence.Proving:
		return Stage{Words: "the controller takes back its conditions and marks" + because(n.Why)}
	}
	return Stage{Words: fmt.Sprintf("the controller is not there yet: it is %s%s", n.State, because(n.Why))}
}

func of(r *fence.Record, t Target) *fence.NamespaceRecord {
	if r == nil {
		return nil
	}
	return r.Of(t.Namespace)
}

// has reports whether a list of sets, of which none stands for all, has those of a target.
func has(sets []string, t Target) bool {
	if len(sets) == 0 || slices.Contains(sets, fence.All) {
		return true
	}
	return !t.Whole() && !slices.ContainsFunc(t.Sets, func(s string) bool { return !slices.Contains(sets, s) })
}

func hasAny(sets []string, t Target) bool {
	return slices.ContainsFunc(sets, func(s string) bool { return s == fence.All || slices.Contains(t.Sets, s) })
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}
