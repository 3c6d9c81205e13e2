package logs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLastLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if got := LastLines(path, 3); got != nil {
		t.Errorf("missing file: %q", got)
	}
	var text string
	for i := range 5000 {
		text += fmt.Sprintf("line %d\n", i)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := LastLines(path, 2), []string{"line 4998", "line 4999"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOpenPutsALargeLogAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs", "log")
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(maxSize + 1); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if f, err = Open(path); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, _ := f.Stat(); info.Size() != 0 {
		t.Errorf("new log has %d bytes", info.Size())
	}
	if _, err := os.Stat(path + ".1"); err != nil {
		t.Errorf("the old log is gone: %v", err)
	}
}

func TestLastWordsBeginWithTheCrash(t *testing.T) {
	trace := "panic: assignment to entry in nil map\n\ngoroutine 7 [running]:\n" + strings.Repeat("k8s.io/somewhere()\n", 90)
	got := LastWords("starting\n"+trace, 8)
	if len(got) != crashLines || got[0] != "panic: assignment to entry in nil map" {
		t.Errorf("%d lines, the first of them %q", len(got), got[0])
	}
	if got, want := LastWords("a\nb\nc\n", 2), []string{"b", "c"}; !slices.Equal(got, want) {
		t.Errorf("without a crash: %q, want %q", got, want)
	}
}

func TestALargeLogIsPutAsideUnderItsWriter(t *testing.T) {
	dir := t.TempDir()
	path, small := filepath.Join(dir, "part.log"), filepath.Join(dir, "small.log")
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	line := strings.Repeat("x", 1<<20) + "\n"
	for range maxSize>>20 + 1 {
		if _, err := f.WriteString(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(small, []byte("small\n"), 0o600), Trim(dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("goes on\n"); err != nil {
		t.Fatal(err)
	}
	if now, before := Since(path, 0), Since(path+".1", 0); now != "goes on\n" || len(before) <= maxSize {
		t.Errorf("the log holds %d bytes, and %d are aside", len(now), len(before))
	}
	if Since(small, 0) != "small\n" {
		t.Error("a small log was touched")
	}
}
