package node

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"ordinal.dev/ordinal/internal/cluster/layout"
)

const shimProgram = "containerd-shim-runc-v2"

// endStrayShims ends the shims that containerd does not know. One that is killed
// right after it has started a shim, and has not noted its address yet, finds a
// bundle without an address when it is started again, and removes the bundle; the
// shim, in which nothing runs yet, would wait for ever. It is for a containerd that
// serves: it has dealt with its bundles by then, and makes one before each shim.
func endStrayShims(l layout.Layout) (ended []int, err error) {
	processes, err := Processes(l)
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, pid := range processes[shimProgram] {
		args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || !isStray(bytes.Split(args, []byte{0}), bundles(l)) {
			continue // it has ended, or has its bundle
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			failed = append(failed, fmt.Errorf("ending shim %d: %w", pid, err))
			continue
		}
		ended = append(ended, pid)
	}
	return ended, errors.Join(failed...)
}

// bundles is where containerd keeps a directory for each shim, by its id.
func bundles(l layout.Layout) string {
	return filepath.Join(l.ContainerdState(), "io.containerd.runtime.v2.task", "k8s.io")
}

// isStray reports whether a shim's arguments are those of one that serves, with an
// id that has no bundle. One that is called to start or to delete a shim ends by
// itself.
func isStray(args [][]byte, bundles string) bool {
	i := slices.IndexFunc(args, func(a []byte) bool { return string(a) == "-id" })
	if i < 0 || i+1 >= len(args) || len(args[i+1]) == 0 {
		return false
	}
	for _, a := range args {
		if s := string(a); s == "start" || s == "delete" {
			return false
		}
	}
	_, err := os.Stat(filepath.Join(bundles, string(args[i+1])))
	return errors.Is(err, os.ErrNotExist)
}
