package ociimage

import (
	"archive/tar"
	"bytes"
	"debug/elf"
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

// Build returns an image that runs the static binary, which it holds as
// /bin/<its name> and, by symbolic links, under the further names in /bin.
// The image's platform is the one the binary was compiled for.
func Build(binary string, links ...string) (v1.Image, error) {
	arch, err := staticArchitecture(binary)
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	files, err := layerTar(filepath.Base(binary), content, links)
	if err != nil {
		return nil, err
	}
	return FromTar(files, v1.ConfigFile{OS: "linux", Architecture: arch, Config: v1.Config{
		Entrypoint: []string{"/bin/" + filepath.Base(binary)},
		Env:        []string{"PATH=/bin"},
		WorkingDir: "/",
	}})
}

// FromTar returns an image whose only layer is the archive. Of the config, platform
// and what to start count; the rest follows from the layer.
func FromTar(files []byte, config v1.ConfigFile) (v1.Image, error) {
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(files)), nil
	})
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

// layerTar is the root file system: the binary, its links, and a /tmp for all.
func layerTar(base string, content []byte, links []string) ([]byte, error) {
	headers := []*tar.Header{
		{Typeflag: tar.TypeDir, Name: "bin/", Mode: 0o755},
		{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777},
	}
	for _, link := range links {
		headers = append(headers, &tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + link, Linkname: base, Mode: 0o777})
	}
	// Last, so that its content follows its header.
	headers = append(headers, &tar.Header{Typeflag: tar.TypeReg, Name: "bin/" + base, Mode: 0o755, Size: int64(len(content))})

	var files bytes.Buffer
	w := tar.NewWriter(&files)
	for _, h := range headers {
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
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
