package handover

import (
	"fmt"
	"slices"
	"strings"
)

// A Target is a namespace, or some of its sets.
type Target struct {
	Namespace string
	Sets      []string // sorted; empty for all that there are and will be
}

// Whole reports whether it is all sets of the namespace.
func (t Target) Whole() bool { return len(t.Sets) == 0 }

func (t Target) String() string {
	if t.Whole() {
		return "namespace " + t.Namespace
	}
	return fmt.Sprintf("sts/%s in namespace %s", strings.Join(t.Sets, ", sts/"), t.Namespace)
}

var (
	setKinds       = []string{"sts", "statefulset", "statefulsets"}
	namespaceKinds = []string{"ns", "namespace", "namespaces"}
)

// SetName is the name in "NAME" or "sts/NAME".
func SetName(arg string) (string, error) {
	kind, name, typed := strings.Cut(arg, "/")
	switch {
	case !typed && arg != "":
		return arg, nil
	case typed && name != "" && slices.Contains(setKinds, kind):
		return name, nil
	}
	return "", fmt.Errorf("%q is not a StatefulSet: write sts/NAME", arg)
}

// Targets are what arguments name, one for each namespace: "NAME" and "ns/NAME" are
// namespaces, and "sts/NAME" is a set of the namespace that the flags say, which named
// tells to have been given.
func Targets(args []string, namespace string, named bool) ([]Target, error) {
	var targets []Target
	whole := map[string]bool{}
	at := func(namespace string) *Target {
		i := slices.IndexFunc(targets, func(t Target) bool { return t.Namespace == namespace })
		if i < 0 {
			i, targets = len(targets), append(targets, Target{Namespace: namespace})
		}
		return &targets[i]
	}
	for _, arg := range args {
		kind, name, typed := strings.Cut(arg, "/")
		switch {
		case typed && name != "" && slices.Contains(setKinds, kind):
			if t := at(namespace); !slices.Contains(t.Sets, name) {
				t.Sets = append(t.Sets, name)
				slices.Sort(t.Sets)
			}
		case !typed && named:
			return nil, fmt.Errorf("%q beside -n %s is neither: write sts/%s for a StatefulSet, or ns/%s for a namespace", arg, namespace, arg, arg)
		case !typed && arg != "":
			at(arg)
			whole[arg] = true
		case typed && name != "" && slices.Contains(namespaceKinds, kind):
			at(name)
			whole[name] = true
		default:
			return nil, fmt.Errorf("%q is neither a namespace nor a StatefulSet: write NAMESPACE, or sts/NAME with -n NAMESPACE", arg)
		}
	}
	for i := range targets {
		if whole[targets[i].Namespace] {
			targets[i].Sets = nil
		}
	}
	return targets, nil
}
