package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"ordinal.dev/ordinal/test/rig"
	"ordinal.dev/ordinal/test/world"
)

// A victim is what a round kills.
type victim struct {
	name  string
	kill  func(*soak) error
	after recovery
}

// A recovery is what it takes after a kill to have an API server.
type recovery int

const (
	nothing recovery = iota // it has lived on
	itself                  // the standby starts the cluster again
	aPerson                 // `ordinal up`
)

// victims is one deck of them. A round takes the next, so that ten rounds have
// seen each.
var victims = []victim{
	{"ordinal", killed(ordinal), itself},
	{"ordinal", killed(ordinal), itself},
	{"ordinal and its standby", killed(standby, ordinal), aPerson},
	{"ordinal, and again as it starts", killedAgain, aPerson},
	{"ordinal and containerd", killed(ordinal, containerd), itself},
	{"ordinal and all shims", killed(ordinal, shims), itself},
	{"everything", killed(standby, ordinal, containerd, shims), aPerson},
	{"containerd", killed(containerd), nothing},
	{"one shim", killed(oneShim), nothing},
	{"all shims", killed(shims), nothing},
}

// victim is the one of round n: a deck is shuffled when the last one is used up.
func (s *soak) victim(n int) victim {
	if n%len(victims) == 0 {
		s.random.Shuffle(len(victims), func(i, j int) { victims[i], victims[j] = victims[j], victims[i] })
	}
	return victims[n%len(victims)]
}

// killed ends all that the parts name, with no warning.
func killed(parts ...func(*soak) ([]int, error)) func(*soak) error {
	return func(s *soak) error {
		var all []int
		for _, part := range parts {
			pids, err := part(s)
			if err != nil {
				return err
			}
			all = append(all, pids...)
		}
		for _, pid := range all {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
				return fmt.Errorf("killing process %d: %w", pid, err)
			}
		}
		return nil
	}
}

// ordinal is the cluster's process, and the `ordinal up` that waits for it if
// there is one.
func ordinal(s *soak) ([]int, error) {
	var pids []int
	for _, pid := range running(s.cluster.Binary) {
		// Another cluster's process may run the same program.
		env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if strings.Contains(string(env), "ORDINAL_DATA_DIR="+s.cluster.Dir+"\x00") {
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		return nil, errors.New("ordinal does not run")
	}
	return pids, nil
}

// standby is what would start the cluster again.
func standby(s *soak) ([]int, error) {
	pids := running(shell())
	return slices.DeleteFunc(pids, func(pid int) bool {
		args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		return !strings.Contains(string(args), "\x00--again\x00--data-dir\x00"+s.cluster.Dir+"\x00")
	}), nil
}

// shell is the program that /bin/sh is.
func shell() string {
	path, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		return "/bin/sh"
	}
	return path
}

func containerd(s *soak) ([]int, error) {
	return running(filepath.Join(s.cluster.Dir, "bin/containerd")), nil
}

func shims(s *soak) ([]int, error) {
	return running(filepath.Join(s.cluster.Dir, "bin/containerd-shim-runc-v2")), nil
}

func oneShim(s *soak) ([]int, error) {
	all, err := shims(s)
	if len(all) == 0 {
		return nil, err
	}
	return []int{all[s.random.IntN(len(all))]}, err
}

// running are the processes of a program.
func running(program string) []int {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var pids []int
	for _, dir := range dirs {
		exe, _ := os.Readlink(filepath.Join(dir, "exe"))
		if strings.TrimSuffix(exe, " (deleted)") == program {
			var pid int
			_, _ = fmt.Sscan(filepath.Base(dir), &pid)
			pids = append(pids, pid)
		}
	}
	return pids
}

// killedAgain kills the cluster's process, and the next one while it starts.
func killedAgain(s *soak) error {
	if err := killed(standby, ordinal)(s); err != nil {
		return err
	}
	up := s.cluster.Command("up", "--kubeconfig", "")
	if err := up.Start(); err != nil {
		return err
	}
	pause(s.Context().Done(), time.Duration(s.random.IntN(5000))*time.Millisecond)
	err := killed(standby, ordinal)(s)
	_ = up.Wait() // killed with the cluster, or done before
	return err
}

// picture is the namespace as it is after a failure.
func (s *soak) picture() string {
	if status, err := s.cluster.Status(); err != nil || !status.Alive {
		return fmt.Sprintf("the cluster does not run: %+v (%v)", status, err)
	}
	held, _ := rig.Hold(s.Context(), s.cluster.Dir)
	return world.In(s.T, s.client, namespace).Picture() + fmt.Sprintf("held: %q", held)
}
