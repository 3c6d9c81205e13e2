package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"
)

// A Load says what to load and how.
type Load struct {
	Path string // a tar, compressed or not, or the directory of an OCI layout
	Name string // of the image, in place of what the archive says, if it holds one only

	// Progress is told how many bytes of how many were read; of 0 where that
	// is not known.
	Progress func(read, total int64)
}

// Load puts the images of an archive into the store, whole or not at all, and
// returns their full names. An image that has the name of one in the store
// takes its place.
func (s *Store) Load(ctx context.Context, load Load) ([]string, error) {
	names, err := s.receive(ctx, load.read, load.Name)
	if errors.Is(err, syscall.ENOSPC) {
		return nil, fmt.Errorf("no space left in %s for %s: free some and load it again; what was loaded before is intact", s.dir, load.Path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", load.Path, err)
	}
	return names, nil
}

// receive puts the images that read copies into the store.
func (s *Store) receive(ctx context.Context, read func(context.Context, *archive) error, nameless string) (names []string, err error) {
	err = s.exclusively(func() error {
		// What an interrupted load left is nobody's: this process has the lock.
		if err := os.RemoveAll(s.incomingDir()); err != nil {
			return err
		}
		if err := os.Mkdir(s.incomingDir(), 0o700); err != nil {
			return err
		}
		defer os.RemoveAll(s.incomingDir())
		a := newArchive(s.incomingDir())
		if err := read(ctx, a); err != nil {
			if ctx.Err() != nil {
				return ctx.Err() // why it failed
			}
			return err
		}
		// The last chance to stop: what follows takes no time.
		if err := ctx.Err(); err != nil {
			return err
		}
		images, err := a.images(nameless)
		if err != nil {
			return err
		}
		for _, image := range images {
			names = append(names, image.Annotations[nameAnnotation])
		}
		return s.commit(a, images)
	})
	return names, err
}

// read copies the archive's files.
func (l Load) read(ctx context.Context, a *archive) error {
	from, err := os.Open(l.Path)
	if pathError := new(fs.PathError); errors.As(err, &pathError) {
		return pathError.Err // the path is said once, by Load
	}
	if err != nil {
		return err
	}
	defer from.Close()
	defer context.AfterFunc(ctx, func() { _ = from.Close() })() // a read of a pipe would go on for ever
	info, err := from.Stat()
	if err != nil {
		return err
	}
	p := &progress{ctx: ctx, report: l.Progress, total: info.Size()}
	if info.IsDir() {
		p.total, err = sizeBelow(l.Path)
	}
	if err == nil {
		err = roomFor(p.total, a.dir)
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return a.readTar(p.wrap(from))
	}
	return a.readDir(l.Path, p.wrap)
}

// roomFor returns ENOSPC if so many bytes would all but fill the disk of dir: with less
// than a hundredth of it left, the kubelet evicts pods.
func roomFor(bytes int64, dir string) error {
	const least = 100 // a hundredth
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return fmt.Errorf("asking for the free space of %s: %w", dir, err)
	}
	free, margin := int64(disk.Bavail)*disk.Bsize, int64(disk.Blocks)*disk.Bsize/least
	if free >= margin && free-bytes < margin {
		return syscall.ENOSPC
	}
	return nil
}

func sizeBelow(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// progress counts what is read and ends the reading with its context.
type progress struct {
	ctx         context.Context
	report      func(read, total int64)
	read, total int64
}

func (p *progress) wrap(r io.Reader) io.Reader {
	return readFunc(func(buffer []byte) (int, error) {
		if err := p.ctx.Err(); err != nil {
			return 0, err
		}
		n, err := r.Read(buffer)
		p.read += int64(n)
		if p.report != nil {
			p.report(p.read, p.total)
		}
		return n, err
	})
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(buffer []byte) (int, error) { return f(buffer) }

// commit moves what the images are made of into the store, then names them.
// Until the index is replaced nothing refers to the new blobs, so that a crash
// leaves garbage at worst, which the next change collects.
func (s *Store) commit(a *archive, images []v1.Descriptor) error {
	var needed []v1.Descriptor
	for _, image := range images {
		parts, err := wholeFor(a, image)
		if err != nil {
			return fmt.Errorf("%s: %w", image.Annotations[nameAnnotation], err)
		}
		needed = append(needed, parts...)
	}
	for _, part := range needed {
		if err := s.adopt(a.byHash[part.Digest]); err != nil {
			return err
		}
	}
	index, err := s.index()
	if err != nil {
		return err
	}
	for _, image := range images {
		name := image.Annotations[nameAnnotation]
		index.Manifests = slices.DeleteFunc(index.Manifests, func(d v1.Descriptor) bool {
			return d.Annotations[nameAnnotation] == name
		})
		index.Manifests = append(index.Manifests, image)
	}
	if err := s.setIndex(index); err != nil {
		return err
	}
	return s.collectGarbage(index)
}

// wholeFor returns the parts of an image that can run on this machine.
func wholeFor(a *archive, image v1.Descriptor) ([]v1.Descriptor, error) {
	var parts []v1.Descriptor
	var platforms []string
	err := walk(a, image, func(part v1.Descriptor, platform string) {
		parts = append(parts, part)
		if platform != "" {
			platforms = append(platforms, platform)
		}
	})
	if err != nil {
		return nil, err
	}
	if machine := "linux/" + runtime.GOARCH; !slices.Contains(platforms, machine) {
		if len(platforms) == 0 {
			return nil, fmt.Errorf("it holds nothing that runs; this machine is %s", machine)
		}
		return nil, fmt.Errorf("it is for %s; this machine is %s", strings.Join(platforms, ", "), machine)
	}
	return parts, nil
}

// adopt moves one part into the store.
func (s *Store) adopt(f file) error {
	target := s.blobPath(f.digest)
	if info, err := os.Stat(target); err == nil && info.Size() == f.size {
		return nil // the same digest is the same content, unless the disk has lost some
	}
	from, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer from.Close()
	if err := from.Sync(); err != nil {
		return err
	}
	return os.Rename(f.path, target)
}
