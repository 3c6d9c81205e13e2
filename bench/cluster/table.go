package main

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"ordinal.dev/ordinal/bench/internal/machine"
)

// A figure is something that is measured. A target of zero is none.
type figure struct {
	name   string
	unit   string
	target float64
}

// A table collects measurements. It may be used from several goroutines.
type table struct {
	mu      sync.Mutex
	order   []figure
	samples map[figure][]float64
}

func newTable() *table { return &table{samples: map[figure][]float64{}} }

func (t *table) add(f figure, value float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.samples[f] == nil {
		t.order = append(t.order, f)
	}
	t.samples[f] = append(t.samples[f], value)
}

// clock adds how long something took, unless it failed.
func (t *table) clock(f figure, do func() error) error {
	began := time.Now()
	if err := do(); err != nil {
		return err
	}
	t.add(f, time.Since(began).Seconds())
	return nil
}

func (t *table) print(out io.Writer) {
	fmt.Fprintf(out, "\n%s\n\n", machine.Describe())
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "figure\tmedian\tlowest – highest\ttarget\t")
	for _, f := range t.order {
		values := t.samples[f]
		median := machine.Median(values)
		spread, target, verdict := "", "", ""
		if len(values) > 1 {
			spread = fmt.Sprintf("%.2f – %.2f", slices.Min(values), slices.Max(values))
		}
		if f.target > 0 {
			target, verdict = fmt.Sprintf("≤ %g %s", f.target, f.unit), "met"
			if median > f.target {
				verdict = "MISSED"
			}
		}
		fmt.Fprintf(w, "%s\t%s %s\t%s\t%s\t%s\n", f.name, short(median), f.unit, spread, target, verdict)
	}
	w.Flush()
}

// short prints three digits or so.
func short(value float64) string {
	if value >= 100 {
		return fmt.Sprintf("%.0f", value)
	}
	return fmt.Sprintf("%.2f", value)
}
