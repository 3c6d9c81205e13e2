package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// The targets, as shares of what the in-tree controller takes.
const (
	wallDefault  = 0.1
	wallLifted   = 0.75
	cpuShare     = 0.5
	memoryShare  = 0.5
	writesExcess = 1.15 // of the floor
)

// report prints a scenario's figures, in-tree beside ours and, if it was measured,
// beside the least, and returns how many targets were missed.
func report(out io.Writer, s scenario, inTree, ours, least result) (missed int) {
	wall := wallDefault
	if s.lifted {
		wall = wallLifted
	}
	verdict := func(value, target float64) string {
		if value <= target {
			return fmt.Sprintf("≤ %.2f met", target)
		}
		missed++
		return fmt.Sprintf("≤ %.2f MISSED", target)
	}
	share := func(most float64) func(float64) string {
		return func(ratio float64) string { return verdict(ratio, most) }
	}
	none := func(float64) string { return "" }
	fmt.Fprintf(out, "\n%s\n\n", s)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "phase\tfigure\tin-tree\tOrdinal\tratio\ttarget")
	if least != nil {
		fmt.Fprint(w, "\tleast\tratio")
	}
	fmt.Fprintln(w)
	row := func(phase, name, unit string, of [3]cost, figure func(cost) float64, target func(ratio float64) string) {
		a, b, c := figure(of[0]), figure(of[1]), figure(of[2])
		fmt.Fprintf(w, "%s\t%s\t%.2f%s\t%.2f%s\t%.2f\t%s", phase, name, a, unit, b, unit, b/a, target(b/a))
		if least != nil {
			fmt.Fprintf(w, "\t%.2f%s\t%.2f", c, unit, c/a)
		}
		fmt.Fprintln(w)
	}
	times := func(phase string, of [3]cost) {
		row(phase, "wall", " s", of, wallOf, share(wall))
		row(phase, "CPU of API server, nodes …", " s", of, func(c cost) float64 { return c.cluster.Seconds() }, none)
		row(phase, "controller CPU", " s", of, func(c cost) float64 { return c.cpu.Seconds() }, share(cpuShare))
	}
	for i := range ours {
		phase, of := ours[i].phase, [3]cost{at(inTree, i), ours[i], at(least, i)}
		if phase.floor == 0 { // the garbage collector does it, and no controller
			row(phase.name, "wall", " s", of, wallOf, none)
			continue
		}
		times(phase.name, of)
		row(phase.name, "writes per pod", "", of, func(c cost) float64 { return c.perPod }, func(float64) string {
			return verdict(ours[i].perPod, writesExcess*phase.floor)
		})
		row(phase.name, "resident memory", " MiB", of, func(c cost) float64 { return float64(c.resides) / (1 << 20) }, share(memoryShare))
	}
	times("together", [3]cost{inTree.together(), ours.together(), least.together()})
	w.Flush()
	fmt.Fprintln(out, "\nwhat was written in the first round, in-tree | Ordinal:")
	for i := range ours {
		fmt.Fprintf(out, "  %s: %s | %s\n", ours[i].phase.name, list(at(inTree, i).writes), list(ours[i].writes))
	}
	return missed
}

func wallOf(c cost) float64 { return c.wall.Seconds() }

// at is what a phase cost; nothing, which makes ratios infinite, where it was not
// measured.
func at(r result, phase int) cost {
	if r == nil {
		return cost{}
	}
	return r[phase]
}

func list(counts map[string]int) string {
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[what], what))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}
