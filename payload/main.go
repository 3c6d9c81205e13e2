// Command payload builds the programs that a cluster runs as child processes
// and puts them, compressed and with a list of their digests, where package
// internal/cluster/payload embeds them:
//
//	go -C payload run . ../internal/cluster/payload/embedded
//
// The programs are pinned by this module's go.mod, which is a module of its
// own so that containerd's dependencies and those of Kubernetes need not agree.
//
// A second run with the same inputs builds nothing and says so.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: payload DIRECTORY")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "payload:", err)
		os.Exit(1)
	}
}

func run(dest string) error {
	inputs, err := fingerprint()
	if err != nil {
		return err
	}
	if upToDate(dest, inputs) {
		fmt.Println("payload: up to date")
		return nil
	}
	if err := checkTools(); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "ordinal-payload-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	// Without its list the folder reads as unbuilt: an interrupted run leaves
	// nothing that could be taken for a whole payload.
	if err := os.Remove(filepath.Join(dest, listName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	fmt.Printf("payload: building %d programs; the first time this takes about two minutes\n", len(programs))
	var entries []entry
	for _, p := range programs {
		start := time.Now()
		binary := filepath.Join(work, p.name)
		if err := p.build(binary); err != nil {
			return fmt.Errorf("build %s: %w", p.name, err)
		}
		e, err := pack(binary, dest)
		if err != nil {
			return fmt.Errorf("pack %s: %w", p.name, err)
		}
		entries = append(entries, e)
		fmt.Printf("payload: %-24s %5.1f MB, packed %4.1f MB  %s\n",
			p.name, megabytes(e.size), megabytes(e.packed), time.Since(start).Round(100*time.Millisecond))
	}
	return writeList(dest, inputs, entries)
}

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }
