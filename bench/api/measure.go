package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"ordinal.dev/ordinal/bench/internal/machine"
	"ordinal.dev/ordinal/test/arena"
)

const (
	// quiet is how long a controller writes nothing before it counts as done: it
	// may hold a status back for a second.
	quiet = 2 * time.Second
	// patience bounds one phase. In-tree takes a minute and a half for one.
	patience = 5 * time.Minute
)

// A phase is something that is asked of every set.
type phase struct {
	name    string
	request func(context.Context, string) error
	there   func(*appsv1.StatefulSet) bool // nil waits until the set is gone
	floor   float64                        // the least writes for one pod; 0 if none are needed
}

// phasesOf are the life of a set. Each changes its generation by one.
func phasesOf(f *fleet, s scenario) []phase {
	n := float64(s.replicas)
	return []phase{
		// A pod created, and of the set a revision and a status.
		{"create", f.create(s), complete(1, s.replicas), (n + 2) / n},
		{"update", f.patch(`{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"app:2"}]}}}}`), complete(2, s.replicas), (2*n + 2) / n},
		{"scale to 0", f.patch(`{"spec":{"replicas":0}}`), complete(3, 0), (n + 1) / n},
		{"delete", f.remove, nil, 0},
	}
}

// complete says whether a set's status shows all replicas at the update revision,
// as `kubectl rollout status` wants it.
func complete(generation int64, replicas int) func(*appsv1.StatefulSet) bool {
	return func(set *appsv1.StatefulSet) bool {
		s, n := set.Status, int32(replicas)
		return set.Generation == generation && s.ObservedGeneration == generation &&
			s.Replicas == n && s.ReadyReplicas == n && s.UpdatedReplicas == n && s.CurrentRevision == s.UpdateRevision
	}
}

// cost is what one phase took.
type cost struct {
	phase   phase
	wall    time.Duration
	cpu     time.Duration  // of the controller
	cluster time.Duration  // CPU time of API server, store, scheduler, nodes
	writes  map[string]int // by what was written, "create pods"
	perPod  float64        // writes
	resides int64          // bytes, at the end
	refused int            // writes of the in-tree controller beside
}

// result is what every phase cost one controller.
type result []cost

// together is what the phases took that are a controller's work.
func (r result) together() (all cost) {
	for _, c := range r {
		if c.phase.floor > 0 {
			all.wall, all.cpu, all.cluster = all.wall+c.wall, all.cpu+c.cpu, all.cluster+c.cluster
		}
	}
	return all
}

// median is what the rounds of one controller cost, figure by figure.
func median(rounds []result) result {
	if len(rounds) == 0 {
		return nil
	}
	costs := slices.Clone(rounds[0])
	for i := range costs {
		costs[i].wall = middle(rounds, func(r result) time.Duration { return r[i].wall })
		costs[i].cpu = middle(rounds, func(r result) time.Duration { return r[i].cpu })
		costs[i].cluster = middle(rounds, func(r result) time.Duration { return r[i].cluster })
		costs[i].perPod = middle(rounds, func(r result) float64 { return r[i].perPod })
		costs[i].resides = middle(rounds, func(r result) int64 { return r[i].resides })
	}
	return costs
}

func middle[T ~int64 | ~float64](rounds []result, figure func(result) T) T {
	all := make([]T, len(rounds))
	for i, r := range rounds {
		all[i] = figure(r)
	}
	return machine.Median(all)
}

// A meter reads what a controller uses.
type meter struct {
	user   string
	record *arena.Record
	writes map[string]int // of the present phase
	// refused counts those of the in-tree controller beside, so far.
	refused int
	// Directories in /proc.
	controller, cluster string
}

func (m *meter) phases(ctx context.Context, f *fleet, s scenario) (result, error) {
	m.writes = map[string]int{} // of warming up, which nobody asks about
	if err := m.settle(ctx); err != nil {
		return nil, err
	}
	names := make([]string, s.sets)
	for i := range names {
		names[i] = fmt.Sprintf("set-%d", i)
	}
	var r result
	for _, p := range phasesOf(f, s) {
		c, err := m.phase(ctx, f, p, names)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		c.perPod = float64(sum(c.writes)) / float64(s.sets*s.replicas)
		r = append(r, c)
	}
	return r, nil
}

func (m *meter) phase(ctx context.Context, f *fleet, p phase, names []string) (cost, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not within %s", patience))
	defer cancel()
	m.writes, m.refused = map[string]int{}, 0
	controller, cluster, err := m.cpu()
	if err != nil {
		return cost{}, err
	}
	began := time.Now()
	if err := f.drive(ctx, names, p.request, p.there); err != nil {
		return cost{}, err
	}
	c := cost{phase: p, wall: time.Since(began)}
	if err := m.settle(ctx); err != nil {
		return cost{}, err
	}
	if c.cpu, c.cluster, err = m.cpu(); err != nil {
		return cost{}, err
	}
	c.cpu, c.cluster, c.writes, c.refused = c.cpu-controller, c.cluster-cluster, m.writes, m.refused
	c.resides, err = machine.Resident(m.controller)
	return c, err
}

// cpu is what both have used so far.
func (m *meter) cpu() (controller, cluster time.Duration, err error) {
	if controller, err = machine.CPUTime(m.controller); err != nil {
		return 0, 0, err
	}
	cluster, err = machine.CPUTime(m.cluster)
	return controller, cluster, err
}

// settle waits until the controller has written nothing for a while, and counts
// what it wrote.
func (m *meter) settle(ctx context.Context) error {
	writes, err := m.record.UntilQuiet(ctx, quiet)
	for _, w := range writes {
		switch {
		case w.Namespace != namespace || w.Dry:
		case w.User == m.user:
			m.count(w)
		case w.User == arena.InTree:
			m.refused++
		}
	}
	return err
}

func (m *meter) count(w arena.Write) {
	what := w.Verb + " " + w.Resource
	if w.Status >= 300 {
		what += fmt.Sprintf(" (%d)", w.Status)
	}
	m.writes[what]++
}

func sum(counts map[string]int) int {
	total := 0
	for _, n := range counts {
		total += n
	}
	return total
}
