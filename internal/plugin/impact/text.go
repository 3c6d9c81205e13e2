package impact

import (
	"fmt"
	"slices"
	"strings"
)

// String is the impact as text: how much would change, and then what.
func (i *Impact) String() string {
	var b strings.Builder
	if len(i.Sets) == 0 {
		return "There is no StatefulSet yet: those that come will be Ordinal's.\n"
	}
	fmt.Fprintf(&b, "%s. If Ordinal acted now:\n\n", count(len(i.Sets), "set"))
	i.total(&b, "pods restarted", func(s Set) []string { return s.Restarted })
	i.total(&b, "revisions made", func(s Set) []string { return s.Revisions })
	i.total(&b, "Services made", func(s Set) []string { return s.Services })
	i.total(&b, "pods healed", func(s Set) []string { return s.Healed })
	i.total(&b, "not understood", func(s Set) []string {
		if s.NotUnderstood == "" {
			return nil
		}
		return []string{"sts/" + s.Name}
	})
	quiet := 0
	for _, set := range i.Sets {
		lines := set.lines()
		if len(lines) == 0 {
			quiet++
			continue
		}
		fmt.Fprintf(&b, "\nsts/%s in namespace %s:\n", set.Name, set.Namespace)
		for _, line := range lines {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	switch {
	case quiet == len(i.Sets):
		b.WriteString("\nNothing would be written but conditions in their status.\n")
	case quiet > 0:
		fmt.Fprintf(&b, "\n%s: nothing would be written but conditions in the status.\n", count(quiet, "other set"))
	}
	if slices.ContainsFunc(i.Sets, func(s Set) bool { return len(s.Restarted) > len(s.Healed) }) {
		b.WriteString("\nPods that are not healed are restarted by a roll-out that is under way, whoever goes on with it.\n")
	}
	return b.String()
}

func (s Set) lines() []string {
	var lines []string
	if s.NotUnderstood != "" {
		lines = append(lines, "would be left alone: "+s.NotUnderstood)
	}
	lines = append(lines, s.Changes...)
	if s.Waits != "" {
		lines = append(lines, "would go on waiting: "+s.Waits)
	}
	return lines
}

// total writes how many there are in all, and which; of the latter a few.
func (i *Impact) total(b *strings.Builder, what string, of func(Set) []string) {
	const few = 8
	var names []string
	for _, set := range i.Sets {
		names = append(names, of(set)...)
	}
	which := strings.Join(names[:min(few, len(names))], ", ")
	if len(names) > few {
		which += fmt.Sprintf(" and %d more", len(names)-few)
	}
	fmt.Fprintln(b, strings.TrimRight(fmt.Sprintf("  %-15s %4d   %s", what, len(names), which), " "))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
