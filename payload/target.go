package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// A target is the machine that the programs are for.
type target struct {
	arch string // as Go calls it
	// sysroot is where libseccomp for it is, as Debian's packages lay it out; empty for
	// this machine's own.
	sysroot string
}

// triples are what C compilers call the architectures.
var triples = map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}

func (t target) native() bool { return t.arch == runtime.GOARCH }

// compiler is the C compiler.
func (t target) compiler() string {
	if t.native() {
		return "gcc"
	}
	return triples[t.arch] + "-gcc"
}

// env is what a build needs in its environment besides more.
func (t target) env(more ...string) []string {
	env := append(more, "GOARCH="+t.arch)
	if t.native() {
		return env
	}
	// Where cgo looks for the library that runc is linked with. Of what pkg-config says the
	// build cache does not know: without the folder among the flags, a checkout elsewhere
	// would be linked with this one's.
	libraries := filepath.Join(t.sysroot, "usr/lib", triples[t.arch])
	return append(env, "CC="+t.compiler(), "CGO_LDFLAGS=-L"+libraries,
		"PKG_CONFIG_SYSROOT_DIR="+t.sysroot, "PKG_CONFIG_LIBDIR="+filepath.Join(libraries, "pkgconfig"))
}

// check says what to install before minutes of building end in a compiler's complaint.
func (t target) check() error {
	if triples[t.arch] == "" {
		return errors.New("Ordinal runs on amd64 and arm64, not on " + t.arch)
	}
	var missing []string
	if _, err := exec.LookPath(t.compiler()); err != nil {
		missing = append(missing, t.compiler())
	}
	if _, err := exec.LookPath("pkg-config"); err != nil {
		missing = append(missing, "pkg-config")
	} else if command(t.env(), "pkg-config", "--exists", "libseccomp") != nil {
		missing = append(missing, "libseccomp-dev")
	}
	switch {
	case len(missing) == 0:
		return nil
	case !t.native():
		return errors.New("missing to build runc for " + t.arch + ": " + strings.Join(missing, ", ") + "; `make arm64` installs them where apt is")
	}
	return errors.New("missing to build runc: " + strings.Join(missing, ", ") +
		"; on Debian and Ubuntu: apt-get install gcc libc6-dev pkg-config libseccomp-dev")
}
