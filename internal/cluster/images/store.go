package images

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sys/unix"
)

// nameAnnotation carries an image's full name in an OCI layout's index. It is
// containerd's; Docker and BuildKit write it too.
const nameAnnotation = "io.containerd.image.name"

// A Store is a directory of images: an OCI image layout, whose index.json
// names the images and whose blobs directory holds what they are made of.
type Store struct{ dir string }

// An Image is one name in a store.
type Image struct {
	Name      string   // full, such as docker.io/library/my-image:latest
	Digest    v1.Hash  // of the manifest, or of the index of several platforms
	Platforms []string // such as linux/amd64
	Size      int64    // bytes in the store, as compressed as they were loaded
}

// ErrNotFound is wrapped by errors about a name that the store does not have.
var ErrNotFound = errors.New("no such image")

// Open returns the store in dir, which it makes where there is none. The
// directory is readable by its owner only.
func Open(dir string) (*Store, error) {
	s := &Store{dir: dir}
	if err := os.MkdirAll(s.blobDir(), 0o700); err != nil {
		return nil, err
	}
	marker := filepath.Join(dir, "oci-layout")
	if _, err := os.Stat(marker); errors.Is(err, fs.ErrNotExist) {
		return s, os.WriteFile(marker, []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o600)
	}
	return s, nil
}

func (s *Store) blobDir() string           { return filepath.Join(s.dir, "blobs", "sha256") }
func (s *Store) incomingDir() string       { return filepath.Join(s.dir, "incoming") }
func (s *Store) indexFile() string         { return filepath.Join(s.dir, "index.json") }
func (s *Store) blobPath(h v1.Hash) string { return filepath.Join(s.blobDir(), h.Hex) }

// List returns the images by name.
func (s *Store) List() ([]Image, error) {
	index, err := s.index()
	if err != nil {
		return nil, err
	}
	images := make([]Image, 0, len(index.Manifests))
	for _, d := range index.Manifests {
		image := Image{Name: d.Annotations[nameAnnotation], Digest: d.Digest}
		counted := map[v1.Hash]bool{}
		err := walk(s, d, func(part v1.Descriptor, platform string) {
			if !counted[part.Digest] {
				counted[part.Digest] = true
				image.Size += part.Size
			}
			if platform != "" {
				image.Platforms = append(image.Platforms, platform)
			}
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", image.Name, err)
		}
		images = append(images, image)
	}
	slices.SortFunc(images, func(a, b Image) int { return strings.Compare(a.Name, b.Name) })
	return images, nil
}

// Remove takes the image of this name, which need not be full, out of the
// store with what no other image needs, and returns its full name.
func (s *Store) Remove(name string) (string, error) {
	full, err := Normalize(name)
	if err != nil {
		return "", err
	}
	if full == PauseImage {
		return "", fmt.Errorf("%s holds every pod's namespaces: the cluster cannot do without it", full)
	}
	return full, s.exclusively(func() error {
		index, err := s.index()
		if err != nil {
			return err
		}
		kept := slices.DeleteFunc(slices.Clone(index.Manifests), func(d v1.Descriptor) bool {
			return d.Annotations[nameAnnotation] == full
		})
		if len(kept) == len(index.Manifests) {
			return fmt.Errorf("%s: %w was loaded", full, ErrNotFound)
		}
		index.Manifests = kept
		if err := s.setIndex(index); err != nil {
			return err
		}
		return s.collectGarbage(index)
	})
}

// find returns the manifest or index that a full name stands for.
func (s *Store) find(name string) (v1.Descriptor, error) {
	index, err := s.index()
	if err != nil {
		return v1.Descriptor{}, err
	}
	for _, d := range index.Manifests {
		if d.Annotations[nameAnnotation] == name {
			return d, nil
		}
	}
	return v1.Descriptor{}, fmt.Errorf("%s: %w", name, ErrNotFound)
}

func (s *Store) index() (*v1.IndexManifest, error) {
	content, err := os.ReadFile(s.indexFile())
	if errors.Is(err, fs.ErrNotExist) {
		return &v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}, nil
	}
	if err != nil {
		return nil, err
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(content, &index); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", s.indexFile(), err)
	}
	return &index, nil
}

func (s *Store) setIndex(index *v1.IndexManifest) error {
	content, err := json.Marshal(index)
	if err != nil {
		return err
	}
	temp := s.indexFile() + ".new"
	if err := writeSynced(temp, content); err != nil {
		return err
	}
	return os.Rename(temp, s.indexFile())
}

// open opens a blob of the store; walk reads manifests through it.
func (s *Store) open(h v1.Hash) (io.ReadCloser, error) { return os.Open(s.blobPath(h)) }

// collectGarbage deletes the blobs that no image in the index is made of.
func (s *Store) collectGarbage(index *v1.IndexManifest) error {
	needed := map[string]bool{}
	for _, d := range index.Manifests {
		if err := walk(s, d, func(part v1.Descriptor, _ string) { needed[part.Digest.Hex] = true }); err != nil {
			return err
		}
	}
	blobs, err := os.ReadDir(s.blobDir())
	if err != nil {
		return err
	}
	for _, blob := range blobs {
		if !needed[blob.Name()] {
			if err := os.Remove(filepath.Join(s.blobDir(), blob.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// exclusively runs change while no other process changes the store.
func (s *Store) exclusively(change func() error) error {
	lock, err := os.OpenFile(filepath.Join(s.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close() // which unlocks
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", s.dir, err)
	}
	return change()
}

func writeSynced(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(content); err != nil {
		return err
	}
	return file.Sync()
}
