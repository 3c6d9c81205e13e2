package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Cgroup is the root of all pods' cgroups, one of our own so that it can be
// removed.
const Cgroup = "/ordinal"

const cgroupFS = "/sys/fs/cgroup"

// unified says whether the machine has the cgroup v2 hierarchy alone.
func unified() bool {
	_, err := os.Stat(filepath.Join(cgroupFS, "cgroup.controllers"))
	return err == nil
}

// EnsureCgroup makes our cgroup in every hierarchy, as the kubelet wants it.
func EnsureCgroup() error {
	if unified() {
		return ensureUnified()
	}
	dirs, err := hierarchies()
	if err != nil {
		return err
	}
	for _, d := range dirs {
		own := filepath.Join(d, Cgroup)
		if err := os.MkdirAll(own, 0o755); err != nil {
			return fmt.Errorf("making the cgroup %s: %w", own, err)
		}
		if filepath.Base(d) == "cpuset" {
			if err := inheritCpuset(d, own); err != nil {
				return fmt.Errorf("setting up the cgroup %s: %w", own, err)
			}
		}
	}
	return nil
}

func ensureUnified() error {
	data, err := os.ReadFile(filepath.Join(cgroupFS, "cgroup.controllers"))
	if err != nil {
		return err
	}
	own := filepath.Join(cgroupFS, Cgroup)
	if err := os.MkdirAll(own, 0o755); err != nil {
		return fmt.Errorf("making the cgroup %s: %w", own, err)
	}
	enable := "+" + strings.Join(strings.Fields(string(data)), " +")
	for _, d := range []string{cgroupFS, own} {
		if err := os.WriteFile(filepath.Join(d, "cgroup.subtree_control"), []byte(enable), 0o644); err != nil {
			return fmt.Errorf("handing the cgroup controllers to %s: %w", own, err)
		}
	}
	return nil
}

// inheritCpuset copies what a new cpuset starts without; no process can enter
// one that has no processors.
func inheritCpuset(parent, own string) error {
	for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
		have, err := os.ReadFile(filepath.Join(own, f))
		if err != nil || strings.TrimSpace(string(have)) != "" {
			return err
		}
		data, err := os.ReadFile(filepath.Join(parent, f))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(own, f), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// hierarchies are the mounted cgroup v1 hierarchies.
func hierarchies() ([]string, error) {
	entries, err := os.ReadDir(cgroupFS)
	if err != nil {
		return nil, fmt.Errorf("no cgroups are mounted at %s; use --nodes simulated: %w", cgroupFS, err)
	}
	var dirs []string
	for _, e := range entries {
		dir := filepath.Join(cgroupFS, e.Name())
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil && e.Type()&fs.ModeSymlink == 0 {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}

// ownCgroups are our cgroup and all below in every hierarchy, parents first.
func ownCgroups() []string {
	roots := []string{cgroupFS}
	if !unified() {
		roots, _ = hierarchies() // no cgroups, nothing of ours
	}
	var dirs []string
	for _, root := range roots {
		_ = filepath.WalkDir(filepath.Join(root, Cgroup), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil // one that went away meanwhile
		})
	}
	return dirs
}

// processesInCgroup lists the processes of pods.
func processesInCgroup() ([]int, error) {
	var pids []int
	for _, d := range ownCgroups() {
		data, err := os.ReadFile(filepath.Join(d, "cgroup.procs"))
		if err != nil {
			continue // a cgroup that went away, or one of threads
		}
		for _, field := range strings.Fields(string(data)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				return nil, fmt.Errorf("reading the processes of %s: %w", d, err)
			}
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

// removeCgroup removes our cgroup and all below, deepest first, as the kernel
// demands. It returns the first failure: the parents' follow from it.
func removeCgroup() (first error) {
	for _, d := range slices.Backward(ownCgroups()) {
		if err := os.Remove(d); err != nil && !errors.Is(err, fs.ErrNotExist) && first == nil {
			first = err
		}
	}
	return first
}
