package volumes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

var webData = Volume{Namespace: "db", Claim: "data-web-0", UID: "uid-1"}

func local(path ...string) corev1.PersistentVolumeSource {
	return corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: filepath.Join(path...)}}
}

func create(t *testing.T, d Directories, v Volume) string {
	t.Helper()
	source, err := d.Create(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	return source.Local.Path
}

func write(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("42"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestOnlyTheOwnerGetsPastTheBase(t *testing.T) {
	base := filepath.Join(t.TempDir(), "volumes")
	if err := os.Mkdir(base, 0o755); err != nil {
		t.Fatal(err)
	}
	create(t, NewDirectories(base), webData)
	if info, err := os.Stat(base); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("base: %v, %v; want mode 0700", info, err)
	}
}

func TestCreatingAgainKeepsTheData(t *testing.T) {
	d := NewDirectories(t.TempDir())
	file := write(t, create(t, d, webData), "counter")
	create(t, d, webData)
	if !exists(file) {
		t.Error("the data is gone")
	}
}

func TestNewClaimOfOldNameStartsEmpty(t *testing.T) {
	d := NewDirectories(t.TempDir())
	before := create(t, d, webData)
	write(t, before, "counter")
	again := webData
	again.UID = "uid-2"
	dir := create(t, d, again)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("the new directory has %v, %v; want nothing", entries, err)
	}
	if err := d.Delete(t.Context(), again, local(dir)); err != nil {
		t.Fatal(err)
	}
	if !exists(before) {
		t.Error("deleting the new data took the old")
	}
}

func TestDeletingLeavesNoEmptyDirectories(t *testing.T) {
	base := t.TempDir()
	d := NewDirectories(base)
	dir := create(t, d, webData)
	write(t, dir, "counter")
	for range 2 { // the second time nothing is there, which is fine
		if err := d.Delete(t.Context(), webData, local(dir)); err != nil {
			t.Fatal(err)
		}
	}
	if exists(filepath.Join(base, "db")) {
		t.Error("the namespace's directory was left behind")
	}
}

func TestDeletingNeverFollowsLinks(t *testing.T) {
	outside := t.TempDir()
	precious := write(t, outside, "precious")

	t.Run("inside the volume", func(t *testing.T) {
		d := NewDirectories(t.TempDir())
		dir := create(t, d, webData)
		if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		if err := d.Delete(t.Context(), webData, local(dir)); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("on the way to it", func(t *testing.T) {
		base := t.TempDir()
		if err := os.Symlink(filepath.Dir(outside), filepath.Join(base, "db")); err != nil {
			t.Fatal(err)
		}
		v := Volume{Namespace: "db", Claim: filepath.Base(outside), UID: "precious"}
		err := NewDirectories(base).Delete(t.Context(), v, local(base, "db", v.Claim, v.UID))
		if err == nil {
			t.Error("a path that leaves the base was accepted")
		}
	})
	if !exists(precious) {
		t.Error("data outside the volumes was deleted")
	}
}

func TestDeletingRefusesWhatIsNotTheClaims(t *testing.T) {
	base := t.TempDir()
	d := NewDirectories(base)
	dir := create(t, d, webData)
	other := Volume{Namespace: "db", Claim: "data-web-1", UID: "uid-2"}
	for _, tc := range []struct {
		name   string
		volume Volume
		source corev1.PersistentVolumeSource
	}{
		{"another claim's directory", other, local(dir)},
		{"a path elsewhere", webData, local("/etc")},
		{"another kind of volume", webData, corev1.PersistentVolumeSource{}},
		{"a name that climbs", Volume{Namespace: "db", Claim: "..", UID: "db"}, local(base, "db")},
		{"a name with a slash", Volume{Namespace: "db", Claim: "x/../data-web-0", UID: "uid-1"}, local(dir)},
		{"no name at all", Volume{}, local(base)},
	} {
		if err := d.Delete(t.Context(), tc.volume, tc.source); err == nil {
			t.Errorf("%s was deleted", tc.name)
		}
	}
	if !exists(dir) {
		t.Error("the claim's data is gone")
	}
}

func TestFailuresAreExplained(t *testing.T) {
	d := NewDirectories("/data/volumes")
	for want, cause := range map[string]error{
		"the disk of /data/volumes is full":         syscall.ENOSPC,
		"/data/volumes is not writable for ordinal": fs.ErrPermission,
		"mend its owner, mode or mount":             syscall.EROFS,
		"make a directory for the claim":            errors.New("no such device"),
	} {
		if got := d.explain(fmt.Errorf("mkdir: %w", cause)); !strings.Contains(got.Error(), want) {
			t.Errorf("%v is told as %q, want %q", cause, got, want)
		}
	}
}
