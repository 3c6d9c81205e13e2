// Command cluster measures the single-machine cluster as a person meets it: how
// long until it can be used, how long until a StatefulSet runs and a lost pod is
// back, and what it costs when nothing happens.
//
// It drives bin/ordinal on a data directory of its own and prints a table of
// medians, with the targets beside them. With -restarts it restarts pods with claims
// instead, and prints how long the quickest, the usual and the slowest took.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	runs := flag.Int("runs", 5, "how often each duration is measured")
	binary := flag.String("ordinal", "bin/ordinal", "the program to measure")
	image := flag.String("image", "bin/my-image.tar", "the image that the manifest names")
	manifest := flag.String("manifest", "", "the StatefulSet to apply; empty for examples/statefulset.yaml, or counter.yaml to restart")
	restarts := flag.Int("restarts", 0, "measure so many restarts of pods with claims, and nothing else")
	atATime := flag.Int("at-a-time", 4, "how many pods restart at a time")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := onCluster(ctx, *binary, *manifest, func(c cluster) error {
		if *restarts > 0 {
			c.manifest = cmp.Or(c.manifest, "examples/counter.yaml")
			return c.benchRestarts(ctx, *restarts, *atATime, *image)
		}
		c.manifest = cmp.Or(c.manifest, "examples/statefulset.yaml")
		return c.bench(ctx, *runs, *image)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// onCluster runs a benchmark on a data directory of its own, and leaves no cluster.
func onCluster(ctx context.Context, binary, manifest string, run func(cluster) error) error {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ordinal-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c := cluster{binary: binary, dir: dir, manifest: manifest}
	// A start that fails half-way, or an interrupt, must not leave a cluster.
	defer func() { _, _ = c.ordinal(context.WithoutCancel(ctx), "down") }()
	return run(c)
}

func (c cluster) bench(ctx context.Context, runs int, image string) error {
	fmt.Println("first start, which unpacks and makes certificates; not measured")
	if err := c.first(ctx, image); err != nil {
		return err
	}
	t := newTable()
	for i := range runs {
		fmt.Printf("run %d of %d\n", i+1, runs)
		if err := c.measureRun(ctx, t); err != nil {
			return err
		}
	}
	fmt.Printf("idle: %s to settle and %s to measure, without pods and with three\n", settle, window)
	if err := c.measureIdle(ctx, t); err != nil {
		return err
	}
	t.print(os.Stdout)
	return nil
}
