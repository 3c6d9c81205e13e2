package rig

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Lacking says what the machine lacks to run containers, or nothing.
func Lacking() string {
	if os.Geteuid() != 0 {
		return "it takes root to run containers; the integration tests have shown what can be shown without"
	}
	if err := InNewNetwork(func() error { return nil }); err != nil {
		return fmt.Sprintf("it makes no network namespaces: %v", err)
	}
	if err := mountOverlay(); err != nil {
		return fmt.Sprintf("it mounts no overlayfs: %v", err)
	}
	return ""
}

// InNewNetwork runs f where it sees a network namespace of its own.
func InNewNetwork(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its namespace
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return <-done
}

func mountOverlay() error {
	dir, err := os.MkdirTemp("", "ordinal-overlay-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	layer := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(layer(name), 0o755); err != nil {
			return err
		}
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", layer("lower"), layer("upper"), layer("work"))
	if err := unix.Mount("overlay", layer("merged"), "overlay", 0, options); err != nil {
		return err
	}
	return unix.Unmount(layer("merged"), 0)
}

// Binary is the program under test: bin/ordinal, or what ORDINAL_BIN names.
func Binary() (string, error) {
	binary := os.Getenv("ORDINAL_BIN")
	if binary == "" {
		binary = "../../bin/ordinal"
	}
	binary, err := filepath.Abs(binary)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(binary); err != nil {
		return "", fmt.Errorf("there is nothing to test, run `make build` first: %w", err)
	}
	return binary, nil
}

// SetAside takes down the cluster that this machine has, for there can be one;
// goOn brings it back with the flags that it was started with. A cluster that was
// killed stays down: its containers are ended, its data is kept.
func SetAside(binary string) (goOn func(), err error) {
	other := Cluster{Binary: binary, Dir: dataDirOnThisMachine()}
	if other.Dir == "" {
		return func() {}, nil
	}
	status, err := other.Status()
	if err != nil {
		return nil, err
	}
	if !status.Alive {
		fmt.Printf("the cluster in %s was killed: what it left on the machine is cleared, and its data stays\n", other.Dir)
		return func() {}, other.down()
	}
	commandLine, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", status.PID))
	if err != nil {
		return nil, fmt.Errorf("how the cluster in %s was started: %w", other.Dir, err)
	}
	fmt.Printf("the cluster in %s is taken down for the time of the test, and comes back after it\n", other.Dir)
	if err := other.down(); err != nil {
		return nil, err
	}
	up := slices.DeleteFunc(strings.Split(strings.TrimRight(string(commandLine), "\x00"), "\x00"),
		func(arg string) bool { return arg == "--detached" || arg == "--again" || arg == "--foreground" })
	return func() {
		if out, err := other.Try(up[1:]...); err != nil {
			fmt.Fprintf(os.Stderr, "the cluster that was set aside did not come back: %v\n%s", err, out)
		}
	}, nil
}

func (c Cluster) down() error {
	if out, err := c.Try("down"); err != nil {
		return fmt.Errorf("ordinal down: %w\n%s", err, out)
	}
	return nil
}

// dataDirOnThisMachine is where the cluster of this machine keeps its data, as
// its bridge tells, or nothing.
func dataDirOnThisMachine() string {
	alias, err := os.ReadFile("/sys/class/net/ordinal0/ifalias")
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(strings.TrimSpace(string(alias)), "ordinal: ")
}

// OnInterrupt leaves nothing behind when a person loses patience.
func OnInterrupt(clean func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		clean()
		os.Exit(130)
	}()
}
