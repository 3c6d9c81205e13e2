package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what all processes of a cluster use: ordinal itself, containerd and
// its shims, and not the pods.
type usage struct {
	rss, pss, anonymous int64         // bytes
	cpu                 time.Duration // since each started
}

// clockTick is the unit of CPU time in /proc: USER_HZ is 100 on every Linux that
// Go runs on.
const clockTick = time.Second / 100

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
	cpu, err := cpuTime(proc)
	u.cpu += cpu
	return err
}

// cpuTime is a process's user and system time.
func cpuTime(proc string) (time.Duration, error) {
	stat, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return 0, err
	}
	// The program's name, in parentheses, may hold spaces; after it come the
	// fields from the third on. utime and stime are the 14th and 15th.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s/stat: %w", proc, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}
