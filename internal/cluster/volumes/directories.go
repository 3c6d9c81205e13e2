package volumes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/cluster/mounts"
)

// Modes of the directory of all volumes and of each; the package comment
// says why they are so.
const (
	baseMode   = 0o700
	volumeMode = 0o777
)

// Directories is the backend that makes one directory a claim.
type Directories struct {
	base string // absolute
}

// NewDirectories keeps volumes under base, an absolute path; it is made when
// needed.
func NewDirectories(base string) Directories {
	return Directories{base: filepath.Clean(base)}
}

// Create implements Backend.
func (d Directories) Create(_ context.Context, v Volume) (corev1.PersistentVolumeSource, error) {
	dir, err := v.dir()
	if err != nil {
		return corev1.PersistentVolumeSource{}, err
	}
	if err := d.create(dir); err != nil {
		return corev1.PersistentVolumeSource{}, d.explain(err)
	}
	return corev1.PersistentVolumeSource{
		Local: &corev1.LocalVolumeSource{Path: filepath.Join(d.base, dir)},
	}, nil
}

func (d Directories) create(dir string) error {
	if err := os.MkdirAll(d.base, baseMode); err != nil {
		return err
	}
	root, err := os.OpenRoot(d.base)
	if err != nil {
		return err
	}
	defer root.Close()
	// One made by another hand may be open to all.
	if err := root.Chmod(".", baseMode); err != nil {
		return err
	}
	if err := root.MkdirAll(filepath.Dir(dir), baseMode); err != nil {
		return err
	}
	switch err := root.Mkdir(dir, volumeMode); {
	case errors.Is(err, fs.ErrExist):
		return nil // of an earlier attempt; a pod may have changed its mode
	case err != nil:
		return err
	}
	return root.Chmod(dir, volumeMode) // whatever the umask
}

// Delete implements Backend.
func (d Directories) Delete(_ context.Context, v Volume, source corev1.PersistentVolumeSource) error {
	dir, err := v.dir()
	if err != nil {
		return err
	}
	if want := filepath.Join(d.base, dir); !at(source, want) {
		return fmt.Errorf("the volume is not at %s, where the data of its claim would be; nothing was deleted: set the volume's reclaim policy to Retain, and delete it and its data by hand", want)
	}
	mounted, err := mounts.Below(filepath.Join(d.base, dir))
	if err != nil {
		return err
	}
	if len(mounted) > 0 {
		return fmt.Errorf("the data of claim %s/%s is not deleted, since something else is mounted in it: unmount %s", v.Namespace, v.Claim, strings.Join(mounted, ", "))
	}
	root, err := os.OpenRoot(d.base)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the volumes: %w", err)
	}
	defer root.Close()
	if err := root.RemoveAll(dir); err != nil {
		return fmt.Errorf("delete the data of claim %s/%s: %w", v.Namespace, v.Claim, err)
	}
	// Directories left empty go too; those in use refuse to.
	if claim := filepath.Dir(dir); root.Remove(claim) == nil {
		_ = root.Remove(filepath.Dir(claim))
	}
	return nil
}

// Grow implements Backend. A directory has no size: only what the disk has left bounds
// it, which the note says where that is less than what was asked for.
func (d Directories) Grow(_ context.Context, v Volume, source corev1.PersistentVolumeSource, more int64) (note string, err error) {
	dir, err := v.dir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(d.base, dir)
	if !at(source, path) {
		return "", fmt.Errorf("the volume is not at %s, where the data of its claim would be, and no other is enlarged: move the data into a claim made anew", path)
	}
	var disk unix.Statfs_t
	switch err := unix.Statfs(path, &disk); {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("the volume's directory %s is gone, and its data with it; put it back, or delete the claim and its pod to begin with an empty one", path)
	case err != nil:
		return "", fmt.Errorf("asking for the free space of %s: %w", path, err)
	}
	if left := int64(disk.Bavail) * disk.Bsize; left < more {
		return fmt.Sprintf("the claim may hold %d MiB more than before, and the disk of %s has %d MiB left: the size is recorded and not enforced, and what does not fit on the disk cannot be written", more>>20, d.base, left>>20), nil
	}
	return "", nil
}

func at(source corev1.PersistentVolumeSource, path string) bool {
	return source.Local != nil && source.Local.Path == path
}

// dir is the volume's directory, relative to the base. The parts come from
// objects that a user can write, so they are looked at.
func (v Volume) dir() (string, error) {
	for _, part := range []string{v.Namespace, v.Claim, v.UID} {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "/\x00") {
			return "", fmt.Errorf("%q is no name of a claim, namespace or UID", part)
		}
	}
	return filepath.Join(v.Namespace, v.Claim, v.UID), nil
}

// explain makes a sentence for the claim's owner of an error of create.
func (d Directories) explain(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("the disk of %s is full; free some space and the claim will be served (%w)", d.base, err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s is not writable for ordinal; mend its owner, mode or mount and the claim will be served (%w)", d.base, err)
	}
	return fmt.Errorf("make a directory for the claim: %w", err)
}
