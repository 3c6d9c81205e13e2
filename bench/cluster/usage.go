package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ordinal.dev/ordinal/bench/internal/machine"
)

// usage is what all processes of a cluster use: ordinal itself, containerd and
// its shims, and not the pods.
type usage struct {
	rss, pss, anonymous int64         // bytes
	cpu                 time.Duration // since each started
}

func (c cluster) usage() (usage, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return usage{}, err
	}
	var sum usage
	for _, dir := range dirs {
		if !c.owns(dir) {
			continue
		}
		if err := sum.add(dir); err != nil {
			return usage{}, err
		}
	}
	if sum.rss == 0 {
		return usage{}, fmt.Errorf("no process of the cluster in %s was found", c.dir)
	}
	return sum, nil
}

// owns says whether a process is the cluster's own, or runs one of its programs.
func (c cluster) owns(proc string) bool {
	exe, err := os.Readlink(filepath.Join(proc, "exe"))
	if err != nil {
		return false // it has ended, or is the kernel's
	}
	if filepath.Dir(exe) == filepath.Join(c.dir, "bin") {
		return true
	}
	pid, err := os.ReadFile(filepath.Join(c.dir, "run", "ordinal.pid"))
	return err == nil && strings.TrimSpace(string(pid)) == filepath.Base(proc)
}

func (u *usage) add(proc string) error {
	rollup, err := os.ReadFile(filepath.Join(proc, "smaps_rollup"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(rollup)) {
		fields := strings.Fields(line)
		into := map[string]*int64{"Rss:": &u.rss, "Pss:": &u.pss, "Anonymous:": &u.anonymous}[fields[0]]
		if into == nil {
			continue
		}
		kib, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return fmt.Errorf("%s/smaps_rollup: %w", proc, err)
		}
		*into += kib * 1024
	}
	cpu, err := machine.CPUTime(proc)
	u.cpu += cpu
	return err
}
