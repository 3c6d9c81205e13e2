package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"ordinal.dev/ordinal/bench/internal/machine"
	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/test/arena"
)

// besideExcess is what Ordinal may take more behind the fence with the in-tree controller
// beside it than without, in wall time and in writes.
const besideExcess = 1.05

// beside measures what it costs Ordinal's controller, behind the fence, that the in-tree one
// runs beside it: that tries to write all the time, and is refused.
func (b *bench) beside(ctx context.Context, c contender, install string) error {
	fmt.Fprintf(b.out, "%s; rounds whose medians are shown: %d\n", machine.Describe(), b.rounds)
	c.user, c.kubeconfig, c.install = arena.Fenced, arena.FencedKubeconfig, install
	c.always = []string{"--mode", fence.Fenced, "--namespace", arena.FencedNamespace, "--metrics-addr=", "--health-addr="}
	s := scenarios()[0]
	var results [2][]result
	for range b.rounds {
		for i, whose := range []string{"none", "in-tree"} {
			c.cluster = []string{"--statefulset-controller", whose}
			r, err := b.measure(ctx, s, c)
			if err != nil {
				return fmt.Errorf("%s with --statefulset-controller %s: %w", s, whose, err)
			}
			results[i] = append(results[i], r)
		}
	}
	reportBeside(b.out, s, results)
	return nil
}

// reportBeside prints the medians, and the spread of the rounds.
func reportBeside(out io.Writer, s scenario, results [2][]result) {
	without, with := median(results[0]), median(results[1])
	fmt.Fprintf(out, "\n%s, behind the fence\n\n", s)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "phase\tfigure\talone\trounds\tin-tree beside\trounds\tratio\ttarget\tin-tree's writes, refused")
	row := func(phase, name string, figure func(result) float64, refused string) {
		ratio := figure(with) / figure(without)
		verdict := "MISSED"
		if ratio <= besideExcess {
			verdict = "met"
		}
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%s\t%.2f\t%s\t%.3f\t≤ %.2f %s\t%s\n", phase, name, figure(without), spread(results[0], figure),
			figure(with), spread(results[1], figure), ratio, besideExcess, verdict, refused)
	}
	for i := range without {
		phase := without[i].phase
		if phase.floor == 0 {
			continue
		}
		row(phase.name, "wall, s", func(r result) float64 { return r[i].wall.Seconds() }, "")
		row(phase.name, "writes per pod", func(r result) float64 { return r[i].perPod }, fmt.Sprint(with[i].refused))
	}
	row("together", "wall, s", func(r result) float64 { return r.together().wall.Seconds() }, "")
	w.Flush()
}

// spread is the least and the most of the rounds.
func spread(rounds []result, figure func(result) float64) string {
	var all []float64
	for _, r := range rounds {
		all = append(all, figure(r))
	}
	return fmt.Sprintf("%.2f–%.2f", slices.Min(all), slices.Max(all))
}
