// Package instance says which cluster runs on a data directory, and in what
// state.
//
// Two files carry that. The lock file is held with flock by the cluster for as
// long as its process lives, so a killed cluster never looks alive. The state
// file is replaced as a whole at every change; `up`, `down` and `status` read
// it. The state of a cluster whose lock is free is the last it could write.
package instance

import (
	"encoding/json"
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
)

// format is the version of the data directory's layout. It changes only when
// an older Ordinal could not read what a newer one wrote.
const format = "1"

// Phase is the state of the whole cluster.
type Phase string

// The phases of a cluster. One that waits has ended and will start again; no
// state file says so, since the disk may be full: it is waiting when the lock is
// held by another process than the one of the state.
const (
	Waiting  Phase = "waiting"
	Starting Phase = "starting"
	Running  Phase = "running"
	Stopping Phase = "stopping"
	Stopped  Phase = "stopped"
	Failed   Phase = "failed"
)

// State is what a cluster says of itself.
type State struct {
	PID       int       `json:"pid"`
	Version   string    `json:"version"`
	Phase     Phase     `json:"phase"`
	StartedAt time.Time `json:"startedAt"`
	Server    string    `json:"server,omitempty"`
	Nodes     string    `json:"nodes,omitempty"`
	Domain    string    `json:"domain,omitempty"`
	Parts     []Part    `json:"parts"`
	Notes     []string  `json:"notes,omitempty"`    // what does not work here, and why
	Progress  []string  `json:"progress,omitempty"` // what has been done to stop it, a line each
	Error     string    `json:"error,omitempty"`
	Log       string    `json:"log,omitempty"`     // where to read more about Error
	LogTail   []string  `json:"logTail,omitempty"` // its last lines when Error happened
}

// Doing is a line of progress about what is not over yet, or one of several.
func Doing(what string) string { return "… " + what }

// Done is a line of progress about what is over.
func Done(what string) string { return "✓ " + what }

// Part is one component of the cluster.
type Part struct {
	Name    string        `json:"name"`
	Phase   string        `json:"phase"`
	Since   time.Time     `json:"since"`
	ReadyIn time.Duration `json:"readyInNanoseconds,omitempty"`
	Detail  string        `json:"detail,omitempty"`
}

// InUse is returned by Acquire when a cluster runs on the data directory.
type InUse struct {
	Dir string
	PID int
}

func (e *InUse) Error() string {
	return fmt.Sprintf("%s is in use by the cluster with process id %d", e.Dir, e.PID)
}

// Prepare makes the data directory, or says why it cannot serve.
func Prepare(l layout.Layout) error {
	if err := os.MkdirAll(l.Run(), 0o711); err != nil {
		return fmt.Errorf("the data directory %s is not usable (choose another with --data-dir, or use sudo): %w", l.Root, err)
	}
	return checkFormat(l)
}

// A Role is what the holder of the lock does with the cluster.
type Role string

// The roles: to run it, or wait to, and to take it down.
const (
	Up   Role = "up"
	Down Role = "down"
)

// Acquire prepares the data directory and locks it. The lock is held until
// release is called or the process ends.
func Acquire(l layout.Layout, role Role) (release func(), err error) {
	if err := Prepare(l); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(l.LockFile(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data directory %s is not writable (choose another with --data-dir): %w", l.Root, err)
	}
	if !lock(f) {
		f.Close()
		return nil, &InUse{l.Root, PID(l)}
	}
	_, _ = fmt.Fprintf(f, "%-4s\n", role) // fails on a full disk the first time only
	if err := writePID(l); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// lock tries more than once, since those who ask whether the cluster is alive hold the
// lock for an instant, too.
func lock(f *os.File) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 10 {
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			return true
		}
		<-tick.C
	}
	return false
}

// writePID writes over what is there and always as much, so that it can be done
// on a full disk too.
func writePID(l layout.Layout) error {
	f, err := os.OpenFile(l.PIDFile(), os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%-10d\n", os.Getpid())
	return errors.Join(err, f.Close())
}

func checkFormat(l layout.Layout) error {
	data, err := os.ReadFile(l.VersionFile())
	if errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(l.VersionFile(), []byte(format+"\n"), 0o644); err != nil {
			return fmt.Errorf("the data directory %s is not writable (choose another with --data-dir): %w", l.Root, err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if got := strings.TrimSpace(string(data)); got != format {
		return fmt.Errorf("the data directory %s has format %q and this Ordinal reads format %q: use the Ordinal that wrote it, or another --data-dir", l.Root, got, format)
	}
	return nil
}

// Unused returns an error if the data directory is not a cluster's, and has something in
// it where a cluster would write: `down --purge` would delete it. A disk may be mounted
// there, and what a cluster had mounted may be left of one that was deleted.
func Unused(l layout.Layout) error {
	if _, err := os.Stat(l.VersionFile()); err == nil {
		return nil
	}
	remains := []string{l.Run(), l.Kubelet(), l.Containerd()}
	if !onlyOf(l) {
		remains = nil
	}
	for _, path := range l.Entries() {
		if _, err := os.Lstat(path); err == nil && !slices.Contains(remains, path) && !isMountPoint(path) {
			return fmt.Errorf("the data directory %s is not a cluster's, and %s in it would become one's: choose another with --data-dir", l.Root, filepath.Base(path))
		}
	}
	return nil
}

// onlyOf reports whether there is nothing in the data directory that a cluster would not
// have made there.
func onlyOf(l layout.Layout) bool {
	entries, err := os.ReadDir(l.Root)
	return err == nil && !slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return e.Name() != "lost+found" && !slices.Contains(l.Entries(), filepath.Join(l.Root, e.Name()))
	})
}

// Delete deletes all that is a cluster's in the data directory, and the directory unless
// something else is in it, which is left alone. Where a disk is mounted it stays, empty.
func Delete(l layout.Layout) error {
	var failed []error
	for _, path := range l.Entries() {
		if len(failed) > 0 && (path == l.VersionFile() || path == l.Run()) {
			break // the lock, and what says that there is data, go last
		}
		for _, path := range []string{path, path + ".new"} { // the latter is what a crash may leave
			if err := os.RemoveAll(path); err != nil && !errors.Is(err, syscall.EBUSY) {
				failed = append(failed, err)
			}
		}
	}
	_ = os.Remove(l.Root) // fails if it is not empty
	return errors.Join(failed...)
}

func isMountPoint(dir string) bool {
	var at, above unix.Stat_t
	return unix.Stat(dir, &at) == nil && unix.Stat(filepath.Dir(dir), &above) == nil && at.Dev != above.Dev
}

// Alive says whether a cluster runs on the data directory. The lock is the owner's alone,
// since nobody else is to keep a cluster from starting; to others the process id tells.
func Alive(l layout.Layout) bool {
	f, err := os.OpenFile(l.LockFile(), os.O_RDWR, 0)
	if errors.Is(err, os.ErrPermission) {
		return isOurs(PID(l))
	}
	if err != nil {
		return false
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) // so that two who ask do not meet each other
	return errors.Is(err, syscall.EWOULDBLOCK)
}

// isOurs guesses whether a process runs this program, as far as another user may know.
func isOurs(pid int) bool {
	if err := syscall.Kill(pid, 0); pid == 0 || errors.Is(err, syscall.ESRCH) {
		return false
	}
	const longest = 15 // that the kernel keeps of a name
	self, err := os.Executable()
	theirs, errComm := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	ours := filepath.Base(self)
	return err != nil || errComm != nil || strings.TrimSpace(string(theirs)) == ours[:min(len(ours), longest)]
}

// PID is the process id of who holds the lock of the data directory, or held it
// last; 0 if nobody has.
func PID(l layout.Layout) int {
	data, err := os.ReadFile(l.PIDFile())
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return pid
}

// Holder is the process id of who holds the lock, or held it last, and as what, as far as
// this user may know.
func Holder(l layout.Layout) (pid int, role Role) {
	role = Up
	if data, err := os.ReadFile(l.LockFile()); err == nil && Role(strings.TrimSpace(string(data))) == Down {
		role = Down
	}
	return PID(l), role
}

// Lost says whether the data directory that this process has locked was deleted,
// or is another's by now. One that cannot be read is not lost.
func Lost(l layout.Layout) bool {
	_, err := os.Stat(l.PIDFile())
	pid := PID(l)
	return errors.Is(err, os.ErrNotExist) || pid != 0 && pid != os.Getpid()
}

// Write replaces the state file.
func Write(l layout.Layout, s State) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	tmp := l.StateFile() + ".new"
	if err := os.MkdirAll(filepath.Dir(tmp), 0o711); err != nil {
		return err
	}
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, l.StateFile())
}

// Read returns the last state written; a missing file is the zero State.
func Read(l layout.Layout) (State, error) {
	data, err := os.ReadFile(l.StateFile())
	if errors.Is(err, os.ErrNotExist) {
		return State{}, nil
	}
	if err != nil {
		return State{}, err
	}
	var s State
	if err := json.Unmarshal(data, &s); err != nil {
		return State{}, fmt.Errorf("reading %s: %w", l.StateFile(), err)
	}
	return s, nil
}
