package main

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// settle is how long a cluster is left alone before it counts as idle.
	settle = 30 * time.Second
	// window is how long its idleness is measured.
	window = 30 * time.Second
)

// The figures, with their targets.
var (
	apiReady  = figure{"API ready, from `ordinal up`", "s", 4}
	nodeReady = figure{"node Ready and `up` returned", "s", 10}
	setReady  = figure{"three replicas Ready, from `apply`", "s", 6}
	podBack   = figure{"a deleted pod back and Ready", "s", 4}

	idleRSS  = figure{"idle: resident memory of everything", "MB", 420}
	idlePSS  = figure{"idle: the same, shared pages counted once", "MB", 0}
	idleAnon = figure{"idle: of it anonymous", "MB", 0}
	idleCPU  = figure{"idle: CPU, of one core", "%", 4}

	podsRSS  = figure{"with three pods: resident memory, shims included", "MB", 0}
	podsPSS  = figure{"with three pods: shared pages counted once", "MB", 0}
	podsAnon = figure{"with three pods: of it anonymous", "MB", 0}
	podsCPU  = figure{"with three pods: CPU, of one core", "%", 0}
)

// measureRun measures every duration once, and leaves no cluster running.
func (c cluster) measureRun(ctx context.Context, t *table) error {
	if err := c.measureStart(ctx, t); err != nil {
		return err
	}
	if err := t.clock(setReady, func() error { return c.apply(ctx) }); err != nil {
		return err
	}
	if err := t.clock(podBack, func() error { return c.replace(ctx, set+"-1") }); err != nil {
		return err
	}
	if err := c.clean(ctx); err != nil {
		return err
	}
	return c.down(ctx)
}

// measureStart watches the API server from outside while `up` runs.
func (c cluster) measureStart(ctx context.Context, t *table) error {
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return t.clock(apiReady, func() error { return c.awaitAPI(ctx) }) })
	both.Go(func() error { return t.clock(nodeReady, func() error { return c.up(ctx) }) })
	return both.Wait()
}

// measureIdle starts the cluster once more and leaves it alone, first empty and
// then with the set running.
func (c cluster) measureIdle(ctx context.Context, t *table) error {
	if err := c.up(ctx); err != nil {
		return err
	}
	if err := c.idle(ctx, t, idleRSS, idlePSS, idleAnon, idleCPU); err != nil {
		return err
	}
	if err := c.apply(ctx); err != nil {
		return err
	}
	if err := c.idle(ctx, t, podsRSS, podsPSS, podsAnon, podsCPU); err != nil {
		return err
	}
	return c.down(ctx)
}

func (c cluster) idle(ctx context.Context, t *table, rss, pss, anonymous, cpu figure) error {
	if err := pause(ctx, settle); err != nil {
		return err
	}
	before, err := c.usage()
	if err != nil {
		return err
	}
	if err := pause(ctx, window); err != nil {
		return err
	}
	after, err := c.usage()
	if err != nil {
		return err
	}
	t.add(rss, float64(after.rss)/1e6)
	t.add(pss, float64(after.pss)/1e6)
	t.add(anonymous, float64(after.anonymous)/1e6)
	t.add(cpu, 100*(after.cpu-before.cpu).Seconds()/window.Seconds())
	return nil
}

// pause lets time pass, which is what is measured here.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
