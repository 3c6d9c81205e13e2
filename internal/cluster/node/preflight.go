package node

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/util/version"

	"ordinal.dev/ordinal/internal/cluster/layout"
)

// maxRoot is the longest path of a data directory. The kernel ends a socket's
// path at 108 bytes, for which containerd wants the directory of its shims'
// sockets, run/s, to have at most 42.
const maxRoot = 42 - len("/run/s")

// Preflight says what keeps this machine from being a node, in one error that
// names the cure, and what will work less than fully, as notes.
func Preflight(l layout.Layout) (notes []string, err error) {
	if len(l.Root) > maxRoot {
		return nil, fmt.Errorf("the path of the data directory %s is longer than the %d bytes that sockets below it leave room for: choose a shorter --data-dir", l.Root, maxRoot)
	}
	if err := Privileged(); err != nil {
		return nil, err
	}
	if err := tryOverlay(l.Run()); err != nil {
		return nil, fmt.Errorf("the kernel cannot mount overlayfs in %s (try: modprobe overlay; or put --data-dir on a local disk; or use --nodes simulated): %w", l.Root, err)
	}
	if lack := LacksForServices(); lack != "" {
		notes = append(notes, lack+": ClusterIP Services will not route (headless ones will)")
	}
	return notes, nil
}

// Privileged says what this user lacks for running containers.
func Privileged() error {
	if os.Geteuid() != 0 {
		return errors.New("running containers needs root: run it with sudo, or use --nodes simulated, which needs no privilege")
	}
	for _, c := range []struct {
		bit  uintptr
		name string
	}{{unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}, {unix.CAP_NET_ADMIN, "CAP_NET_ADMIN"}} {
		if has, err := capable(c.bit); err != nil || !has {
			return fmt.Errorf("running containers needs the capability %s, which this root does not have (is this itself a container?): use --nodes simulated", c.name)
		}
	}
	return nil
}

// What kube-proxy refuses to work without.
var (
	leastNFT    = version.MustParseGeneric("1.0.1")
	leastKernel = version.MustParseGeneric("5.13")
)

// LacksForServices says what keeps kube-proxy from its work; empty for nothing.
func LacksForServices() string {
	said, err := exec.Command("nft", "--version").Output()
	if err != nil || exec.Command("nft", "list", "tables").Run() != nil {
		return "nft is not installed, or may not be used (install the package nftables and start again)"
	}
	if nft, err := version.ParseGeneric(versionIn(string(said))); err == nil && nft.LessThan(leastNFT) {
		return fmt.Sprintf("nft %s is older than %s", nft, leastNFT)
	}
	var machine unix.Utsname
	if unix.Uname(&machine) == nil {
		if kernel, err := version.ParseGeneric(versionIn(unix.ByteSliceToString(machine.Release[:]))); err == nil && kernel.LessThan(leastKernel) {
			return fmt.Sprintf("the kernel %s is older than %s", kernel, leastKernel)
		}
	}
	return ""
}

// versionIn is the first version number in a text, such as 1.0.9.
func versionIn(text string) string { return regexp.MustCompile(`\d+(\.\d+)+`).FindString(text) }

func capable(capability uintptr) (bool, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false, err
	}
	return data[capability/32].Effective&(1<<(capability%32)) != 0, nil
}

// tryOverlay mounts one for real: the list of file systems says nothing about
// the one the data directory lies on.
func tryOverlay(dir string) error {
	tmp, err := os.MkdirTemp(dir, "overlay-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	paths := map[string]string{}
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		paths[name] = filepath.Join(tmp, name)
		if err := os.Mkdir(paths[name], 0o700); err != nil {
			return err
		}
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", paths["lower"], paths["upper"], paths["work"])
	if err := unix.Mount("overlay", paths["merged"], "overlay", 0, options); err != nil {
		return err
	}
	return unix.Unmount(paths["merged"], 0)
}
