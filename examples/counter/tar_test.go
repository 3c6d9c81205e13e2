package main

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
		t.Fatal(err)
	}
}

func TestTreeThatWasPackedUnpacksToItself(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	write(t, filepath.Join(from, "data", "count"), "7\n")
	write(t, filepath.Join(from, "data", "sub", "empty"), "")
	if err := os.Symlink("count", filepath.Join(from, "data", "link")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(from)
	var packed bytes.Buffer
	if err := run(t.Context(), "tar", []string{"cf", "-", "data"}, nil, &packed); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), "tar", []string{"-xmf", "-", "-C", to}, &packed, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(to, "data", "link")); err != nil || string(got) != "7\n" {
		t.Errorf("through the link: %q, %v", got, err)
	}
	info, err := os.Stat(filepath.Join(to, "data", "count"))
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("count: %v, %v, want mode 0640", info, err)
	}
	if _, err := os.Stat(filepath.Join(to, "data", "sub", "empty")); err != nil {
		t.Error(err)
	}
}

// kubectl cp strips the path it asked for, without its slash, from the names.
func TestNamesInATarHaveNoLeadingSlash(t *testing.T) {
	file := filepath.Join(t.TempDir(), "count")
	write(t, file, "7\n")
	var packed bytes.Buffer
	if err := run(t.Context(), "tar", []string{"cf", "-", file}, nil, &packed); err != nil {
		t.Fatal(err)
	}
	header, err := tar.NewReader(&packed).Next()
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimPrefix(file, "/"); header.Name != want {
		t.Errorf("name %q, want %q", header.Name, want)
	}
}

func TestExtractionStaysInItsDirectory(t *testing.T) {
	outside := t.TempDir()
	for _, name := range []string{"../escaped", "/escaped", "link/escaped"} {
		var packed bytes.Buffer
		w := tar.NewWriter(&packed)
		for _, h := range []*tar.Header{
			{Typeflag: tar.TypeSymlink, Name: "link", Linkname: outside},
			{Typeflag: tar.TypeReg, Name: name, Mode: 0o644},
		} {
			if err := w.WriteHeader(h); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(outside, "in"+filepath.Base(filepath.Dir(name)))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := run(t.Context(), "tar", []string{"--no-same-permissions", "--no-same-owner", "-xmf", "-", "-C", dir}, &packed, nil); err == nil {
			t.Errorf("%s: extracted", name)
		}
		if _, err := os.Lstat(filepath.Join(outside, "escaped")); err == nil {
			t.Fatalf("%s: a file came to be outside", name)
		}
	}
}

func TestTruncatedTarIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "count")
	write(t, file, strings.Repeat("x", 5000))
	var packed bytes.Buffer
	if err := create(&packed, file); err != nil {
		t.Fatal(err)
	}
	if err := extract(bytes.NewReader(packed.Bytes()[:2000]), t.TempDir()); err == nil {
		t.Error("half a tar was extracted without an error")
	}
}

func TestOnlyDirectoriesPassTheTestThatKubectlMakes(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "")
	if err := run(t.Context(), "test", []string{"-d", dir}, nil, nil); err != nil {
		t.Error(err)
	}
	for _, path := range []string{filepath.Join(dir, "file"), filepath.Join(dir, "missing")} {
		if err := run(t.Context(), "test", []string{"-d", path}, nil, nil); err == nil {
			t.Errorf("%s passed for a directory", path)
		}
	}
}

func TestUnknownUseShowsTheUsage(t *testing.T) {
	for name, args := range map[string][]string{"counter": {"what"}, "tar": {"tf", "-"}, "test": {"-f", "x"}} {
		if err := run(t.Context(), name, args, nil, nil); err == nil || !strings.Contains(err.Error(), "usage: "+name) {
			t.Errorf("%s %v: %v, want its usage", name, args, err)
		}
	}
}
