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
	release, err := Acquire(l, Up)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []Role{Up, Down} {
		if pid, role := Holder(l); !Alive(l) || pid != os.Getpid() || role != want {
			t.Errorf("alive %v, pid %d, to be %q; want true, %d, %q", Alive(l), pid, role, os.Getpid(), want)
		}
		release()
		if release, err = Acquire(l, Down); err != nil {
			t.Fatal(err)
		}
	}
	_, err = Acquire(l, Up)
	var inUse *InUse
	if !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
		t.Errorf("second Acquire: got %v, want InUse with our process id", err)
	}
	release()
	if Alive(l) {
		t.Error("alive after release")
	}
	release, err = Acquire(l, Up)
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
	_, err := Acquire(l, Up)
	if err == nil || !strings.Contains(err.Error(), `format "99"`) || !strings.Contains(err.Error(), "--data-dir") {
		t.Errorf("got %v; want the format and the way out", err)
	}
	if data, _ := os.ReadFile(l.VersionFile()); string(data) != "99\n" {
		t.Error("the refused directory was changed")
	}
}

func TestWhatIsNotAClustersIsNotTakenOver(t *testing.T) {
	l := layout.Layout{Root: t.TempDir()}
	photos := filepath.Join(l.Volumes(), "photos")
	if err := errors.Join(Unused(l), os.MkdirAll(photos, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := Unused(l); err == nil || !strings.Contains(err.Error(), "volumes in it") || !strings.Contains(err.Error(), "--data-dir") {
		t.Errorf("got %v; want what is in the way, and the way out", err)
	}
	if err := errors.Join(Prepare(l), Unused(l)); err != nil {
		t.Errorf("a cluster's own directory: %v", err)
	}
	remains := layout.Layout{Root: t.TempDir()}
	if err := errors.Join(os.MkdirAll(remains.Kubelet(), 0o700), Unused(remains)); err != nil {
		t.Errorf("what is left of a cluster that was deleted: %v", err)
	}
	if err := os.WriteFile(filepath.Join(remains.Root, "docker"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Unused(remains); err == nil {
		t.Error("a kubelet's directory beside others is taken for a cluster's")
	}
	for _, dir := range []string{"none", "version/none"} {
		if err := Unused(layout.Layout{Root: filepath.Join(l.Root, dir)}); err != nil {
			t.Error(err)
		}
	}
}

func TestOnlyWhatIsAClustersIsDeleted(t *testing.T) {
	l := layout.Layout{Root: filepath.Join(t.TempDir(), "data")}
	photo := filepath.Join(l.Root, "photo.jpg")
	if err := errors.Join(Prepare(l), os.MkdirAll(l.Volumes(), 0o700), os.WriteFile(l.Kubeconfig()+".new", nil, 0o600), os.WriteFile(photo, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := Delete(l); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(l.Root); err != nil || len(left) != 1 || left[0].Name() != "photo.jpg" {
		t.Errorf("left are %v, %v", left, err)
	}
	if err := errors.Join(os.Remove(photo), Delete(l)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(l.Root); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the empty directory is there: %v", err)
	}
}

func TestADataDirectoryIsLostWhenDeletedOrTakenByAnother(t *testing.T) {
	l := layout.Layout{Root: filepath.Join(t.TempDir(), "data")}
	release, err := Acquire(l, Up)
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
