package ociimage

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// A Recipe says what an image is made of.
type Recipe struct {
	// Programs are static binaries for one platform, which is the image's. It holds each
	// as /bin/<its name>, and runs the first.
	Programs []string
	// Links are further names in /bin for the first program.
	Links []string
	// User is whom the programs run as, "uid:gid"; empty for root.
	User string
}

// Build returns an image that runs the static binary, which it holds as
// /bin/<its name> and, by symbolic links, under the further names in /bin.
func Build(binary string, links ...string) (v1.Image, error) {
	return Recipe{Programs: []string{binary}, Links: links}.Build()
}

// Build makes the image.
func (r Recipe) Build() (v1.Image, error) { return r.build() }

func (r Recipe) build(layer ...tarball.LayerOption) (v1.Image, error) {
	if len(r.Programs) == 0 {
		return nil, errors.New("an image needs a program to run")
	}
	arch, err := staticArchitecture(r.Programs[0])
	if err != nil {
		return nil, err
	}
	for _, program := range r.Programs[1:] {
		switch other, err := staticArchitecture(program); {
		case err != nil:
			return nil, err
		case other != arch:
			return nil, fmt.Errorf("%s is for %s and %s for %s: one image is for one platform", r.Programs[0], arch, program, other)
		}
	}
	files, err := r.layerTar()
	if err != nil {
		return nil, err
	}
	return FromTar(files, v1.ConfigFile{OS: "linux", Architecture: arch, Config: v1.Config{
		Entrypoint: []string{"/bin/" + filepath.Base(r.Programs[0])},
		Env:        []string{"PATH=/bin"},
		WorkingDir: "/",
		User:       r.User,
	}}, layer...)
}

// FromTar returns an image whose only layer is the archive. Of the config, platform
// and what to start count; the rest follows from the layer.
func FromTar(files []byte, config v1.ConfigFile, options ...tarball.LayerOption) (v1.Image, error) {
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(files)), nil
	}, options...)
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	made, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	made = made.DeepCopy()
	made.OS, made.Architecture, made.Config = config.OS, config.Architecture, config.Config
	return mutate.ConfigFile(image, made)
}

// Write writes the image as `docker save` would, under the name given.
func Write(w io.Writer, image v1.Image, as string) error {
	tag, err := name.NewTag(as)
	if err != nil {
		return err
	}
	return tarball.Write(tag, image, w)
}

// layerTar is the root file system: the programs, the links, and a /tmp for all.
func (r Recipe) layerTar() ([]byte, error) {
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	headers := []*tar.Header{
		{Typeflag: tar.TypeDir, Name: "bin/", Mode: 0o755},
		{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777},
	}
	for _, link := range r.Links {
		headers = append(headers, &tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + link, Linkname: filepath.Base(r.Programs[0]), Mode: 0o777})
	}
	for _, h := range headers {
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
	}
	for _, program := range r.Programs {
		content, err := os.ReadFile(program)
		if err != nil {
			return nil, err
		}
		h := &tar.Header{Typeflag: tar.TypeReg, Name: "bin/" + filepath.Base(program), Mode: 0o755, Size: int64(len(content))}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return files.Bytes(), nil
}

// architectures are the machines that Ordinal runs on, by the names that
// images use for them.
var architectures = map[elf.Machine]string{
	elf.EM_X86_64:  "amd64",
	elf.EM_AARCH64: "arm64",
}

// staticArchitecture returns what the binary was compiled for. One that needs
// a loader is refused: in an image of its own it would fail to start with
// nothing but "no such file or directory".
func staticArchitecture(binary string) (string, error) {
	file, err := elf.Open(binary)
	if err != nil {
		return "", fmt.Errorf("%s is not a Linux program: %w", binary, err)
	}
	defer file.Close()
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			return "", fmt.Errorf("%s is linked dynamically and cannot run alone in an image: build it with CGO_ENABLED=0", binary)
		}
	}
	arch, ok := architectures[file.Machine]
	if !ok {
		return "", fmt.Errorf("%s is for the machine %v, for which there is no image platform here", binary, file.Machine)
	}
	return arch, nil
}
