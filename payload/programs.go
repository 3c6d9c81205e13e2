package main

import (
	"os"
	"os/exec"
	"strings"
)

// A program is one binary of the payload.
type program struct {
	name  string
	build func(t target, out string) error
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
func containerdProgram(pkg string) func(target, string) error {
	return func(t target, out string) error {
		version, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", containerdModule).Output()
		if err != nil {
			return err
		}
		stamp := " -X " + containerdModule + "/version.Version=" + strings.TrimSpace(string(version))
		return command(t.env("CGO_ENABLED=0"), "go", "build", "-tags", containerdTags, "-ldflags", "-s -w"+stamp, "-o", out, pkg)
	}
}

// plugin is one of the CNI project's network plugins.
func plugin(path string) func(target, string) error {
	return func(t target, out string) error {
		return command(t.env("CGO_ENABLED=0"), "go", "build", "-ldflags", "-s -w", "-o", out,
			"github.com/containernetworking/plugins/plugins/"+path)
	}
}

// buildRunc needs cgo: runc enters namespaces before the Go runtime starts,
// and its seccomp filters come from the C library libseccomp.
func buildRunc(t target, out string) error {
	return command(t.env("CGO_ENABLED=1"), "go", "build", "-tags", runcTags,
		"-ldflags", "-s -w -extldflags -static", "-o", out, "github.com/opencontainers/runc")
}

func buildPause(t target, out string) error {
	return command(t.env("LC_ALL=C"), t.compiler(), "-Wall", "-Wextra", "-Werror", "-static", "-Os", "-s", "-o", out, pauseSource)
}

func command(env []string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd.Run()
}
