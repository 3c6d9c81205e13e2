package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ordinal.dev/ordinal/internal/cluster/layout"
	"ordinal.dev/ordinal/internal/cluster/mounts"
)

// Teardown ends all that the node runs and removes all that it made on the
// machine, whether the cluster's process stopped or was killed. Data stays. It
// goes on after a failure and returns all of them.
func Teardown(ctx context.Context, l layout.Layout, report func(string)) error {
	var failed []error
	try := func(what string, err error) {
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", what, err))
		}
	}
	if RunningContainerd(l) != 0 {
		try("stopping pods", StopPods(ctx, l, nil, report))
	}
	if ctx.Err() != nil { // without containerd, pods would be ended with no hook, and late
		return errors.New("interrupted while pods stop")
	}
	runtime := func() ([]int, error) { return processesOf(l.Bin()) }
	try("stopping containerd", endProcesses("of the container runtime", runtime, 5*time.Second, report))
	// Every piece of the machine that is not below the data directory carries
	// the bridge's mark; without the bridge there is none, or it is another's.
	owner, err := Owner()
	ours := err == nil && owner == l.Root
	if ours {
		// Without a containerd to stop them, containers outlive their shims.
		try("ending pods", endProcesses("of pods that containerd has lost", processesInCgroup, defaultGrace, report))
	}
	for _, dir := range []string{l.Kubelet(), l.Run(), l.Containerd()} {
		try("unmounting", unmountBelow(dir))
	}
	if ours {
		report("removing the pod network and cgroups")
		try("removing the pods' cgroups", removeCgroup())
		try("removing nftables rules", removeTables())
		removeDevicePlugins()
		if len(failed) == 0 { // the mark goes last: the next try finds by it what is left
			try("removing the pod network", removeBridge())
		}
	}
	for _, dir := range []string{l.ContainerdState(), l.ShimSockets(), l.CNIState(), l.ContainerdSocket(), l.ContainerdPID()} {
		try("removing run-time state", os.RemoveAll(dir))
	}
	return errors.Join(failed...)
}

// removeDevicePlugins removes the one directory that the kubelet makes at a
// place of its own choosing. What somebody else put there stays.
func removeDevicePlugins() {
	const dir = "/var/lib/kubelet/device-plugins"
	for _, path := range []string{filepath.Join(dir, "kubelet.sock"), dir, filepath.Dir(dir)} {
		_ = os.Remove(path) // fails on a directory with anything in it
	}
}

// endProcesses ends every process that list names: it asks, and after grace it
// kills.
func endProcesses(whose string, list func() ([]int, error), grace time.Duration, report func(string)) error {
	for _, step := range []struct {
		signal   syscall.Signal
		patience time.Duration
	}{{syscall.SIGTERM, grace}, {syscall.SIGKILL, 5 * time.Second}} {
		pids, err := list()
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			return nil
		}
		report(fmt.Sprintf("ending %d processes %s", len(pids), whose))
		ctx, cancel := context.WithTimeout(context.Background(), step.patience)
		for _, pid := range pids {
			_ = syscall.Kill(pid, step.signal)
		}
		for _, pid := range pids {
			_ = awaitExit(ctx, pid)
		}
		cancel()
	}
	left, err := list()
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("processes %v do not end", left)
	}
	return nil
}

// Processes lists the processes of the data directory's programs, by the
// program's name.
func Processes(l layout.Layout) (map[string][]int, error) {
	pids, err := processesOf(l.Bin())
	if err != nil {
		return nil, err
	}
	byName := map[string][]int{}
	for _, pid := range pids {
		if exe, err := programOf(pid); err == nil {
			byName[filepath.Base(exe)] = append(byName[filepath.Base(exe)], pid)
		}
	}
	return byName, nil
}

// processesOf lists the processes whose program lies in dir, replaced since
// or not. Zombies have no program and do not count.
func processesOf(dir string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		exe, err := programOf(pid)
		if err == nil && filepath.Dir(exe) == dir {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// unmountBelow unmounts what the node has mounted in dir, the latest first.
func unmountBelow(dir string) error {
	table, err := mounts.Table()
	if err != nil {
		return err
	}
	var failed []error
	for _, p := range slices.Backward(mountedFor(dir, table)) {
		if err := unix.Unmount(p, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			failed = append(failed, fmt.Errorf("%s: %w", p, err))
		}
	}
	return errors.Join(failed...)
}

// mountedFor lists what the node has mounted in dir. A disk at dir itself is its user's,
// but the kubelet binds its directory to itself.
func mountedFor(dir string, table []mounts.Mount) (points []string) {
	itself := "" // what a mount of dir at dir has for its root
	for _, m := range table {
		if rest, above := strings.CutPrefix(dir, strings.TrimSuffix(m.Point, "/")+"/"); above {
			itself = filepath.Join(m.Root, rest) // the last one is the nearest
		}
		if strings.HasPrefix(m.Point, dir+"/") || m.Point == dir && m.Root == itself {
			points = append(points, m.Point)
		}
	}
	return points
}
