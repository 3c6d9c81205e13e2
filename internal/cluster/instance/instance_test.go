package instance

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ordinal.dev/ordinal/internal/cluster/layout"
)

func TestDataDirectoryIsUsedByOneClusterAtATime(t *testing.T) {
	l := layout.Layout{Root: t.TempDir()}
	release, err := Acquire(l)
	if err != nil {
		t.Fatal(err)
	}
	if !Alive(l) || PID(l) != os.Getpid() {
		t.Errorf("alive %v, pid %d; want true, %d", Alive(l), PID(l), os.Getpid())
	}
	_, err = Acquire(l)
	var inUse *InUse
	if !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
		t.Errorf("second Acquire: got %v, want InUse with our process id", err)
	}
	release()
	if Alive(l) {
		t.Error("alive after release")
	}
	release, err = Acquire(l)
	if err != nil {
		t.Fatalf("Acquire after release: %v", err)
	}
	release()
}

func TestDataDirectoryOfAnotherFormatIsRefused(t *testing.T) {
	l := layout.Layout{Root: t.TempDir()}
	if err := os.WriteFile(l.VersionFile(), []byte("99\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Acquire(l)
	if err == nil || !strings.Contains(err.Error(), `format "99"`) || !strings.Contains(err.Error(), "--data-dir") {
		t.Errorf("got %v; want the format and the way out", err)
	}
	if data, _ := os.ReadFile(l.VersionFile()); string(data) != "99\n" {
		t.Error("the refused directory was changed")
	}
}

func TestADirectoryOfSomethingElseIsRefusedAndLeftAlone(t *testing.T) {
	l := layout.Layout{Root: t.TempDir()}
	photo := filepath.Join(l.Root, "photo.jpg")
	if err := os.WriteFile(photo, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Unused(l); err == nil || !strings.Contains(err.Error(), "photo.jpg") || !strings.Contains(err.Error(), "--data-dir") {
		t.Errorf("got %v; want what is in the way, and the way out", err)
	}
	if err := os.Rename(photo, filepath.Join(l.Root, "lost+found")); err != nil { // as on a disk of its own
		t.Fatal(err)
	}
	if err := errors.Join(Unused(l), Prepare(l)); err != nil {
		t.Error(err)
	}
	if err := errors.Join(os.WriteFile(photo, nil, 0o600), Unused(l)); err != nil { // beside a cluster's
		t.Error(err)
	}
	if err := Unused(layout.Layout{Root: photo + "/none"}); err != nil {
		t.Error(err)
	}
}

func TestADataDirectoryIsLostWhenDeletedOrTakenByAnother(t *testing.T) {
	l := layout.Layout{Root: filepath.Join(t.TempDir(), "data")}
	release, err := Acquire(l)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if Lost(l) {
		t.Error("lost while it is ours")
	}
	if err := os.RemoveAll(l.Root); err != nil {
		t.Fatal(err)
	}
	if !Lost(l) {
		t.Error("not lost though it was deleted")
	}
	if err := Prepare(l); err != nil {
		t.Fatal(err)
	}
	for content, lost := range map[string]bool{"1\n": true, "": false} {
		if err := os.WriteFile(l.PIDFile(), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if Lost(l) != lost {
			t.Errorf("lost %v with the process id %q", !lost, content)
		}
	}
}

func TestStateIsReadAsItWasWritten(t *testing.T) {
	l := layout.Layout{Root: t.TempDir()}
	if s, err := Read(l); err != nil || s.Phase != "" {
		t.Fatalf("before the first write: %v, %v", s, err)
	}
	want := State{PID: 7, Phase: Running, Parts: []Part{{Name: "etcd", Phase: "ready"}}}
	if err := Write(l, want); err != nil {
		t.Fatal(err)
	}
	got, err := Read(l)
	if err != nil || got.PID != 7 || got.Phase != Running || len(got.Parts) != 1 || got.Parts[0].Name != "etcd" {
		t.Errorf("got %+v, %v", got, err)
	}
}
