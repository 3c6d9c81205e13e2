// Command payload builds the programs that a cluster runs as child processes
// and puts them, compressed and with a list of their digests, where package
// internal/cluster/payload embeds them:
//
//	go -C payload run . ../internal/cluster/payload/embedded
//	go -C payload run . -arch arm64 -sysroot DIR ../internal/cluster/payload/embedded-arm64
//
// For another architecture than this machine's it takes that one's C compiler, and a
// directory with libseccomp for it.
//
// The programs are pinned by this module's go.mod, which is a module of its
// own so that containerd's dependencies and those of Kubernetes need not agree.
//
// A second run with the same inputs builds nothing and says so.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

func main() {
	var to target
	flag.StringVar(&to.arch, "arch", runtime.GOARCH, "architecture of the machine that the programs are for")
	flag.StringVar(&to.sysroot, "sysroot", "", "directory with libseccomp for another architecture than this machine's")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: payload [-arch ARCH -sysroot DIRECTORY] DIRECTORY")
		os.Exit(2)
	}
	if err := run(to, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "payload:", err)
		os.Exit(1)
	}
}

func run(to target, dest string) error {
	inputs, err := fingerprint(to)
	if err != nil {
		return err
	}
	if upToDate(dest, inputs) {
		fmt.Println("payload: up to date")
		return nil
	}
	if err := to.check(); err != nil {
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
		if err := p.build(to, binary); err != nil {
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
