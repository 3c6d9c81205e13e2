package overview

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"ordinal.dev/ordinal/internal/fence"
)

// Text is the report for a person.
func (r *Report) Text(now time.Time) string {
	var b strings.Builder
	b.WriteString(r.headline())
	for _, p := range r.Problems {
		if r.Installed {
			fmt.Fprintf(&b, "Problem: %s.\n", p)
		}
	}
	if len(r.Namespaces) > 0 {
		b.WriteString("\n" + table("NAMESPACE\tSETS\tSTATE\tSINCE\tWHY", r.Namespaces, func(n Namespace) []string {
			return []string{n.Name, setsOf(n), n.State, age(n.Since, now), n.Why}
		}))
	}
	if len(r.Sets) > 0 {
		b.WriteString("\n" + table("NAMESPACE\tSET\tREADY\tSTATE\tWAITS FOR", r.Sets, func(s Set) []string {
			return []string{s.Namespace, s.Name, fmt.Sprintf("%d/%d", s.Ready, s.Replicas), s.State, s.Waits}
		}))
	}
	if r.Installed && r.Mode == fence.Fenced && len(r.Sets) == 0 && len(r.Namespaces) == 0 {
		b.WriteString("No set is Ordinal's. See what would change: kubectl ordinal take NAMESPACE --dry-run\n")
	}
	return b.String()
}

func (r *Report) headline() string {
	if !r.Installed {
		return strings.Join(r.Problems, ". ") + ".\n"
	}
	who := "Ordinal"
	if r.Version != "" {
		who += " " + r.Version
	}
	if r.Controller != "" {
		who += " runs in namespace " + r.Controller
	} else {
		who += " is installed"
	}
	switch {
	case r.Mode == fence.WholeCluster:
		return who + ", for the whole cluster.\n"
	case r.FenceUp:
		return who + ". The fence is up.\n"
	}
	return who + ". The fence is down.\n"
}

func setsOf(n Namespace) string {
	switch {
	case n.State == InTree:
		return "none"
	case len(n.Sets) == 0:
		return "all"
	}
	return strings.Join(n.Sets, ",")
}

func age(since *time.Time, now time.Time) string {
	if since == nil {
		return ""
	}
	return duration.HumanDuration(now.Sub(*since))
}

// table is rows below a heading, in columns.
func table[T any](heading string, rows []T, cells func(T) []string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 3, ' ', 0)
	fmt.Fprintln(w, heading)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(cells(row), "\t"))
	}
	w.Flush()
	lines := strings.Split(b.String(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}
