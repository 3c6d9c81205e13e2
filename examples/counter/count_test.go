package main

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func open(t *testing.T, dir string) *count {
	t.Helper()
	c, err := openCount(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCountInAVolumeSurvivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir)
	for range 3 {
		if _, err := first.increment(); err != nil {
			t.Fatal(err)
		}
	}
	if got := open(t, dir).get(); got != 3 {
		t.Errorf("the next process sees %d, want 3", got)
	}
}

func TestCountWithoutAVolumeStartsAtNothing(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "data")
	if got, err := open(t, missing).increment(); err != nil || got != 1 {
		t.Errorf("increment: %d, %v", got, err)
	}
	if got := open(t, missing).get(); got != 0 {
		t.Errorf("the next process sees %d, want 0", got)
	}
	if _, err := os.Stat(missing); !os.IsNotExist(err) {
		t.Error("a directory was made where no volume is")
	}
}

func TestFileThatIsNoCountIsNotWrittenOver(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, countFile), []byte("a diary"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := openCount(dir); err == nil {
		t.Error("somebody's data was taken for a count")
	}
}

func TestCountThatCannotBeWrittenIsNotCounted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c := open(t, dir)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := c.increment(); err == nil {
		t.Fatal("an increment that is not on disk succeeded")
	}
	if got := c.get(); got != 0 {
		t.Errorf("count is %d after a failed increment", got)
	}
}

func TestConcurrentIncrementsAreAllCounted(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := c.increment(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := open(t, dir).get(); got != 50 {
		t.Errorf("count on disk is %d, want 50", got)
	}
}
