package payload

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/klauspost/compress/zstd"
)

// built is a payload as the builder lays it out.
func built(t *testing.T, programs map[string]string) fstest.MapFS {
	t.Helper()
	packer, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	content := fstest.MapFS{}
	list := "# inputs 0\n"
	for name, program := range programs {
		digest := sha256.Sum256([]byte(program))
		list += hex.EncodeToString(digest[:]) + "  " + name + "\n"
		content[name+".zst"] = &fstest.MapFile{Data: packer.EncodeAll([]byte(program), nil)}
	}
	content[digestList] = &fstest.MapFile{Data: []byte(list)}
	return content
}

func unpacked(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s holds %q, want %q", filepath.Base(path), got, want)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o755 {
		t.Errorf("%s has mode %v, want it executable", filepath.Base(path), info.Mode())
	}
}

func TestFirstStartUnpacksEveryProgram(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bin")
	if err := unpack(built(t, map[string]string{"runc": "r", "pause": "p"}), dir); err != nil {
		t.Fatal(err)
	}
	unpacked(t, filepath.Join(dir, "runc"), "r")
	unpacked(t, filepath.Join(dir, "pause"), "p")
}

func TestIntactProgramIsNotWrittenAgain(t *testing.T) {
	dir := t.TempDir()
	content := built(t, map[string]string{"runc": "r"})
	if err := unpack(content, dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "runc")
	long := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	if err := unpack(content, dir); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !info.ModTime().Equal(long) {
		t.Error("an intact program was written again")
	}
}

func TestProgramThatDiffersIsReplaced(t *testing.T) {
	damages := map[string]func(path string) error{
		"other content":  func(path string) error { return os.WriteFile(path, []byte("x"), 0o755) },
		"truncated":      func(path string) error { return os.Truncate(path, 0) },
		"not executable": func(path string) error { return os.Chmod(path, 0o644) },
		"removed":        os.Remove,
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			content := built(t, map[string]string{"runc": "the program"})
			if err := unpack(content, dir); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "runc")
			if err := damage(path); err != nil {
				t.Fatal(err)
			}
			if err := unpack(content, dir); err != nil {
				t.Fatal(err)
			}
			unpacked(t, path, "the program")
		})
	}
}

func TestDamagedPayloadIsNeverPutInPlace(t *testing.T) {
	dir := t.TempDir()
	content := built(t, map[string]string{"runc": "r"})
	content["runc.zst"] = built(t, map[string]string{"runc": "other"})["runc.zst"]
	err := unpack(content, dir)
	if err == nil || !strings.Contains(err.Error(), "the ordinal binary is damaged") {
		t.Errorf("error %v, want it to say that the binary is damaged", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("%v was left behind", left)
	}
}

func TestBuildWithoutProgramsSaysSo(t *testing.T) {
	if err := unpack(fstest.MapFS{"README": {}}, t.TempDir()); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("error %v, want ErrNotBuilt", err)
	}
}

func TestUnwritableDirectoryIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unpack(built(t, map[string]string{"runc": "r"}), filepath.Join(file, "bin")); err == nil {
		t.Error("unpacking below a file succeeded")
	}
}
