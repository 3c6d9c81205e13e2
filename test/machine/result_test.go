package machine

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A result is what one round has shown.
type result struct {
	victim  string
	instant time.Duration // from the beginning of the round to the kill
	up      time.Duration // from the kill until `ordinal up` had returned
	ready   time.Duration // from the kill until every set was as wanted
	pages   int           // acknowledged ConfigMaps that were looked up
	files   int           // counts of pods that were looked up
}

func (r result) String() string {
	return fmt.Sprintf("%s killed after %.1fs; up again in %.1fs, all sets ready in %.1fs; %d writes and %d files found",
		r.victim, r.instant.Seconds(), r.up.Seconds(), r.ready.Seconds(), r.pages, r.files)
}

// summary is a table of medians, by victim.
func summary(results []result) string {
	byVictim := map[string][]result{}
	pages, files := 0, 0
	for _, r := range results {
		byVictim[r.victim] = append(byVictim[r.victim], r)
		byVictim["any"] = append(byVictim["any"], r)
		pages, files = pages+r.pages, files+r.files
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d rounds; %d acknowledged writes and %d files looked up, none lost; nothing left over. Seconds after the kill, median and maximum:\n", len(results), pages, files)
	fmt.Fprintf(&b, "%-34s %6s %14s %14s\n", "killed", "rounds", "up", "sets ready")
	for _, name := range sortedKeys(byVictim) {
		of := byVictim[name]
		up, ready := durations(of, func(r result) time.Duration { return r.up }), durations(of, func(r result) time.Duration { return r.ready })
		fmt.Fprintf(&b, "%-34s %6d %6.1f %7.1f %6.1f %7.1f\n", name, len(of),
			median(up).Seconds(), slices.Max(up).Seconds(), median(ready).Seconds(), slices.Max(ready).Seconds())
	}
	return b.String()
}

func durations(results []result, of func(result) time.Duration) []time.Duration {
	var all []time.Duration
	for _, r := range results {
		all = append(all, of(r))
	}
	slices.Sort(all)
	return all
}

func median(sorted []time.Duration) time.Duration { return sorted[len(sorted)/2] }

func sortedKeys(m map[string][]result) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
