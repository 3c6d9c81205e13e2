// Command cluster measures the single-machine cluster as a person meets it: how
// long until it can be used, how long until a StatefulSet runs and a lost pod is
// back, and what it costs when nothing happens.
//
// It drives bin/ordinal on a data directory of its own and prints a table of
// medians, with the targets beside them.
package main

import (
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
	manifest := flag.String("manifest", "examples/statefulset.yaml", "the StatefulSet to apply")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, *runs, *binary, *image, *manifest); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, runs int, binary, image, manifest string) error {
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
