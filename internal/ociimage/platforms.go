package ociimage

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// What an OCI layout's index calls an image: containerd and Docker read the first
// annotation, a whole name, and others the second, a tag.
const (
	nameAnnotation = "io.containerd.image.name"
	tagAnnotation  = "org.opencontainers.image.ref.name"
)

// BuildIndex returns an index with an image for each platform that there are programs for.
// Of each platform's programs, which keep their order, the first is what the image runs.
func (r Recipe) BuildIndex() (v1.ImageIndex, error) {
	byArch := map[string][]string{}
	var archs []string
	for _, program := range r.Programs {
		arch, err := staticArchitecture(program)
		if err != nil {
			return nil, err
		}
		if byArch[arch] == nil {
			archs = append(archs, arch)
		}
		byArch[arch] = append(byArch[arch], program)
	}
	slices.Sort(archs)
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range archs {
		image, err := Recipe{Programs: byArch[arch], Links: r.Links, User: r.User}.build(tarball.WithMediaType(types.OCILayer))
		if err != nil {
			return nil, err
		}
		image = mutate.ConfigMediaType(mutate.MediaType(image, types.OCIManifestSchema1), types.OCIConfigJSON)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        program{image},
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	return index, nil
}

// A program is an image that is no artifact: the library says of every image's descriptor
// that it is one of the configuration's type, which is for what cannot be run.
type program struct{ v1.Image }

// ArtifactType is what the library asks for.
func (program) ArtifactType() (string, error) { return "", nil }

// WriteIndex writes an index as the tar of an OCI layout, in which it has the name given.
func WriteIndex(w io.Writer, index v1.ImageIndex, as string) error {
	tag, err := name.NewTag(as)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ociimage-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	err = path.AppendIndex(index, layout.WithAnnotations(map[string]string{
		nameAnnotation: containerdName(tag), tagAnnotation: tag.TagStr(),
	}))
	if err != nil {
		return err
	}
	return tarOf(w, dir)
}

// containerdName is the name with Docker's registry spelt as containerd does.
func containerdName(tag name.Tag) string {
	registry := tag.RegistryStr()
	if registry == name.DefaultRegistry {
		registry = "docker.io"
	}
	return fmt.Sprintf("%s/%s:%s", registry, tag.RepositoryStr(), tag.TagStr())
}

// tarOf writes the files of a directory, in the order of their names and without times or
// owners.
func tarOf(to io.Writer, dir string) error {
	w := tar.NewWriter(to)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: filepath.ToSlash(rel), Mode: 0o644, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	if err != nil {
		return err
	}
	return w.Close()
}
