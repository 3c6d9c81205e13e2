package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
)

// A program is one binary of the payload.
type program struct {
	name  string
	build func(out string) error
}

// programs are what a node needs beside Ordinal itself. All are static, so
// that they run on any Linux whatever its C library.
var programs = []program{
	{"containerd", containerdProgram("./containerd")},
	{"containerd-shim-runc-v2", containerdProgram(containerdModule + "/cmd/containerd-shim-runc-v2")},
	{"runc", buildRunc},
	{"bridge", plugin("main/bridge")},
	{"host-local", plugin("ipam/host-local")},
	{"portmap", plugin("meta/portmap")},
	{"pause", buildPause},
}

const (
	// containerdTags leave out what could reach beyond the cluster: telling
	// systemd that *containerd* is ready (the unit is Ordinal's), and tracing.
	containerdTags   = "no_systemd,no_tracing,urfave_cli_no_docs"
	containerdModule = "github.com/containerd/containerd/v2"
	// runcTags: without seccomp runc refuses every pod with the default profile.
	runcTags = "seccomp,netgo,osusergo,urfave_cli_no_docs"
	// pauseSource is relative to this module.
	pauseSource = "../build/pause/pause.c"
)

// containerdProgram stamps the module's version into the binary, which would
// otherwise report "+unknown" and have the node show that.
func containerdProgram(pkg string) func(string) error {
	return func(out string) error {
		version, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", containerdModule).Output()
		if err != nil {
			return err
		}
		stamp := " -X " + containerdModule + "/version.Version=" + strings.TrimSpace(string(version))
		return command("CGO_ENABLED=0", "go", "build", "-tags", containerdTags, "-ldflags", "-s -w"+stamp, "-o", out, pkg)
	}
}

// plugin is one of the CNI project's network plugins.
func plugin(path string) func(string) error {
	return func(out string) error {
		return command("CGO_ENABLED=0", "go", "build", "-ldflags", "-s -w", "-o", out,
			"github.com/containernetworking/plugins/plugins/"+path)
	}
}

// buildRunc needs cgo: runc enters namespaces before the Go runtime starts,
// and its seccomp filters come from the C library libseccomp.
func buildRunc(out string) error {
	return command("CGO_ENABLED=1", "go", "build", "-tags", runcTags,
		"-ldflags", "-s -w -extldflags -static", "-o", out, "github.com/opencontainers/runc")
}

func buildPause(out string) error {
	return command("LC_ALL=C", "gcc", "-Wall", "-Wextra", "-Werror", "-static", "-Os", "-s", "-o", out, pauseSource)
}

// checkTools says what to install before minutes of building end in a
// compiler's complaint.
func checkTools() error {
	var missing []string
	if _, err := exec.LookPath("gcc"); err != nil {
		missing = append(missing, "gcc")
	}
	if _, err := exec.LookPath("pkg-config"); err != nil {
		missing = append(missing, "pkg-config")
	} else if exec.Command("pkg-config", "--exists", "libseccomp").Run() != nil {
		missing = append(missing, "libseccomp-dev")
	}
	if len(missing) > 0 {
		return errors.New("missing to build runc: " + strings.Join(missing, ", ") +
			"; on Debian and Ubuntu: apt-get install gcc libc6-dev pkg-config libseccomp-dev")
	}
	return nil
}

func command(env, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd.Run()
}
