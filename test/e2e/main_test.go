package e2e

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// lab is the cluster under test, and untouched the machine before it started.
// They are set before the first test runs and not after.
var (
	lab       cluster
	untouched machine
)

func TestMain(m *testing.M) {
	if reason := whyNotHere(); reason != "" {
		fmt.Println("e2e: NOT RUN on this machine:", reason)
		return
	}
	code, err := runWithCluster(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// whyNotHere says what the machine lacks to run containers, or nothing.
func whyNotHere() string {
	if os.Geteuid() != 0 {
		return "it takes root to run containers; the integration tests have shown what can be shown without"
	}
	if err := inNewNetwork(func() error { return nil }); err != nil {
		return fmt.Sprintf("it makes no network namespaces: %v", err)
	}
	if err := mountOverlay(); err != nil {
		return fmt.Sprintf("it mounts no overlayfs: %v", err)
	}
	return ""
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

func runWithCluster(m *testing.M) (code int, err error) {
	binary := os.Getenv("ORDINAL_BIN")
	if binary == "" {
		binary = "../../bin/ordinal"
	}
	if binary, err = filepath.Abs(binary); err != nil {
		return 0, err
	}
	if _, err := os.Stat(binary); err != nil {
		return 0, fmt.Errorf("there is nothing to test, run `make build` first: %w", err)
	}
	goOn, err := setAside(binary)
	if err != nil {
		return 0, err
	}
	defer goOn()

	dir, err := os.MkdirTemp("", "ordinal-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if untouched, err = look(dir); err != nil {
		return 0, err
	}
	lab = cluster{binary: binary, dir: dir}
	stopOnInterrupt(func() { _, _ = lab.try("down"); goOn() })
	code, err = testOn(m)
	if _, downErr := lab.try("down"); downErr != nil && err == nil {
		err = downErr
	}
	if err != nil {
		return 0, err
	}
	return code, nothingLeft()
}

// testOn starts the cluster, loads what the tests run, and runs them.
func testOn(m *testing.M) (int, error) {
	fmt.Println("e2e: starting a cluster in", lab.dir)
	if out, err := lab.try("up", "--kubeconfig", ""); err != nil {
		return 0, fmt.Errorf("ordinal up: %w\n%s", err, out)
	}
	for _, image := range []string{"my-image", "my-image:2"} {
		if err := lab.loadCounter(image); err != nil {
			return 0, err
		}
	}
	return m.Run(), nil
}

// setAside takes down a cluster that already runs on this machine, for there can
// be one; goOn brings it back with the flags that it was started with.
func setAside(binary string) (goOn func(), err error) {
	other := cluster{binary: binary, dir: dataDirOnThisMachine()}
	if other.dir == "" {
		return func() {}, nil
	}
	status, err := other.status()
	if err != nil {
		return nil, err
	}
	commandLine, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", status.PID))
	if err != nil || !status.Alive {
		return nil, fmt.Errorf("a cluster was killed and has left pods behind: run `ordinal down --data-dir %s` first", other.dir)
	}
	fmt.Printf("e2e: the cluster in %s is taken down for the time of the test, and comes back after it\n", other.dir)
	if out, err := other.try("down"); err != nil {
		return nil, fmt.Errorf("ordinal down: %w\n%s", err, out)
	}
	up := slices.DeleteFunc(strings.Split(strings.TrimRight(string(commandLine), "\x00"), "\x00"),
		func(arg string) bool { return arg == "--detached" || arg == "--foreground" })
	return func() {
		if out, err := other.try(up[1:]...); err != nil {
			fmt.Fprintf(os.Stderr, "e2e: the cluster that was set aside did not come back: %v\n%s", err, out)
		}
	}, nil
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

// stopOnInterrupt leaves nothing behind when a person loses patience.
func stopOnInterrupt(clean func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		clean()
		os.Exit(130)
	}()
}
