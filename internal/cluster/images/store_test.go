package images

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestRemovingAnImageKeepsWhatOthersNeed(t *testing.T) {
	s := newStore(t)
	shared := image(t, runtime.GOARCH)
	saved := dockerSave(t, map[string]v1.Image{"a": shared, "b": shared, "c": image(t, runtime.GOARCH)})
	must(s.Load(t.Context(), Load{Path: fileOf(t, saved)}))(t)
	for _, name := range []string{"a", "docker.io/library/c:latest"} {
		must(s.Remove(name))(t)
	}
	holds(t, s, "docker.io/library/b:latest")
	pulled(t, s, "docker.io/library/b:latest")
	must(s.Remove("b"))(t)
	holds(t, s)
}

func TestRemovingWhatIsNotThereSaysSo(t *testing.T) {
	s := newStore(t)
	if _, err := s.Remove("nothing"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "docker.io/library/nothing:latest") {
		t.Errorf("error %v, want ErrNotFound with the full name", err)
	}
}

func TestNamesAreCompletedAsDockerDoes(t *testing.T) {
	for name, want := range map[string]string{
		"my-image":               "docker.io/library/my-image:latest",
		"my-image:v1":            "docker.io/library/my-image:v1",
		"me/my-image":            "docker.io/me/my-image:latest",
		"index.docker.io/me/i:1": "docker.io/me/i:1",
		"quay.io/a/b/c:v2":       "quay.io/a/b/c:v2",
		"localhost:5000/a":       "localhost:5000/a:latest",
		"localhost/a":            "localhost/a:latest",
	} {
		if got, err := Normalize(name); err != nil || got != want {
			t.Errorf("Normalize(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
	digested := "my-image@sha256:" + strings.Repeat("0", 64)
	for _, name := range []string{"", "My-Image", "a b", "https://quay.io/a", digested} {
		if got, err := Normalize(name); err == nil {
			t.Errorf("Normalize(%q) = %q, want an error", name, got)
		}
	}
}

// pauseProgram is the least file that is a static program.
func pauseProgram(t *testing.T) string {
	t.Helper()
	header := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Version: uint32(elf.EV_CURRENT), Ehsize: 64,
		Machine: uint16(map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]),
	}
	var content bytes.Buffer
	if err := binary.Write(&content, binary.LittleEndian, header); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "pause")
	if err := os.WriteFile(path, content.Bytes(), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSandboxImageIsInTheStoreAndStaysThere(t *testing.T) {
	s := newStore(t)
	program := pauseProgram(t)
	for range 2 {
		if err := s.EnsurePause(t.Context(), program); err != nil {
			t.Fatal(err)
		}
		holds(t, s, PauseImage)
	}
	pulled(t, s, PauseImage)
	// Somebody may be loading images for as long as they take to read.
	if err := s.exclusively(func() error { return s.EnsurePause(t.Context(), program) }); err != nil {
		t.Error(err)
	}
	for _, part := range must(os.ReadDir(s.blobDir()))(t) {
		if err := os.Truncate(filepath.Join(s.blobDir(), part.Name()), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.EnsurePause(t.Context(), program); err != nil {
		t.Error(err)
	}
	pulled(t, s, PauseImage)
	if _, err := s.Remove("ordinal.dev/pause:1"); err == nil {
		t.Error("the sandbox image was removed")
	}
}
