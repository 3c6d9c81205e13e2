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

// report prints a scenario's figures, in-tree beside ours, and returns how many
// targets were missed.
func report(out io.Writer, s scenario, results [2]result) (missed int) {
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
	fmt.Fprintf(out, "\n%s\n\n", s)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "phase\tfigure\tin-tree\tOrdinal\tratio\ttarget")
	for i, ours := range results[1] {
		var stock cost // nothing, and the ratios infinite, where in-tree was not measured
		if results[0] != nil {
			stock = results[0][i]
		}
		row := func(figure string, a, b float64, unit, target string) {
			fmt.Fprintf(w, "%s\t%s\t%.2f%s\t%.2f%s\t%.2f\t%s\n", ours.phase.name, figure, a, unit, b, unit, b/a, target)
		}
		a, b := stock.wall.Seconds(), ours.wall.Seconds()
		if ours.phase.floor == 0 { // the garbage collector does it, and no controller
			row("wall", a, b, " s", "")
			continue
		}
		row("wall", a, b, " s", verdict(b/a, wall))
		row("CPU of API server, nodes …", stock.cluster.Seconds(), ours.cluster.Seconds(), " s", "")
		a, b = stock.cpu.Seconds(), ours.cpu.Seconds()
		row("controller CPU", a, b, " s", verdict(b/a, cpuShare))
		row("writes per pod", stock.perPod, ours.perPod, "", verdict(ours.perPod, writesExcess*ours.phase.floor))
		a, b = mebibytes(stock.resides), mebibytes(ours.resides)
		row("resident memory", a, b, " MiB", verdict(b/a, memoryShare))
	}
	w.Flush()
	fmt.Fprintln(out, "\nwhat was written in the first round, in-tree | Ordinal:")
	for i, ours := range results[1] {
		var stock cost
		if results[0] != nil {
			stock = results[0][i]
		}
		fmt.Fprintf(out, "  %s: %s | %s\n", ours.phase.name, list(stock.writes), list(ours.writes))
	}
	return missed
}

func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

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
