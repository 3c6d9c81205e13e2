package ociimage

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// hello compiles a static program of one line, in a directory of its own.
func hello(t *testing.T) string { return compiled(t, runtime.GOARCH, "hello") }

func compiled(t *testing.T, arch, name string) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() { println(1) }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, name)
	build := exec.Command("go", "build", "-trimpath", "-o", binary, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

func TestImageRunsTheBinaryAndHoldsItUnderEveryName(t *testing.T) {
	binary := hello(t)
	image, err := Build(binary, "tar")
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(config.Config.Entrypoint, " "); got != "/bin/hello" {
		t.Errorf("entry point %q", got)
	}
	if config.OS != "linux" || config.Architecture != runtime.GOARCH {
		t.Errorf("platform %s/%s", config.OS, config.Architecture)
	}
	want, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	files := mutate.Extract(image)
	defer files.Close()
	found := map[string]string{}
	for r := tar.NewReader(files); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		found[h.Name] = h.Linkname
		if h.Typeflag == tar.TypeReg {
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) || h.Mode != 0o755 {
				t.Errorf("%s: mode %o, %v; not the binary", h.Name, h.Mode, err)
			}
		}
	}
	if link, ok := found["bin/tar"]; !ok || link != "hello" {
		t.Errorf("files %v: no link bin/tar to hello", found)
	}
}

func TestSameBinaryGivesTheSameImage(t *testing.T) {
	binary := hello(t)
	var digests []string
	for range 2 {
		image, err := Build(binary, "tar")
		if err != nil {
			t.Fatal(err)
		}
		digest, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, digest.String())
	}
	if digests[0] != digests[1] {
		t.Errorf("digests differ: %v", digests)
	}
}

func TestWrittenImageIsReadBackByItsName(t *testing.T) {
	image, err := Build(hello(t))
	if err != nil {
		t.Fatal(err)
	}
	var saved bytes.Buffer
	if err := Write(&saved, image, "my-image"); err != nil {
		t.Fatal(err)
	}
	tag := name.MustParseReference("my-image:latest").(name.Tag)
	read, err := tarball.Image(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(saved.Bytes())), nil }, &tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(read); err != nil {
		t.Error(err)
	}
}

func TestWhatCannotRunAloneIsRefused(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{script: "is not a Linux program", shell: "linked dynamically"} {
		if _, err := Build(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", path, err, want)
		}
	}
}
