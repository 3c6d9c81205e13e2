package images

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
)

const otherArch = "riscv64"

// image is an image of random content for a platform.
func image(t *testing.T, arch string) v1.Image {
	t.Helper()
	img := must(random.Image(3000, 2))(t)
	config := must(img.ConfigFile())(t).DeepCopy()
	config.OS, config.Architecture = "linux", arch
	return must(mutate.ConfigFile(img, config))(t)
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// dockerSave is what `docker save` of the images by these names writes.
func dockerSave(t *testing.T, images map[string]v1.Image) []byte {
	t.Helper()
	tags := map[name.Tag]v1.Image{}
	for n, img := range images {
		tags[must(name.NewTag(n))(t)] = img
	}
	var saved bytes.Buffer
	if err := tarball.MultiWrite(tags, &saved); err != nil {
		t.Fatal(err)
	}
	return saved.Bytes()
}

// oldDockerSave is what Docker before 1.10 to 24 writes: plain layers in
// directories, and links between images that share one.
func oldDockerSave(t *testing.T, name string, img v1.Image) []byte {
	t.Helper()
	var saved bytes.Buffer
	w := tar.NewWriter(&saved)
	add := func(h *tar.Header, content []byte) {
		h.Size, h.Mode = int64(len(content)), 0o644
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		must(w.Write(content))(t)
	}
	list := ""
	for i, layer := range must(img.Layers())(t) {
		content := must(io.ReadAll(must(layer.Uncompressed())(t)))(t)
		add(&tar.Header{Typeflag: tar.TypeDir, Name: fmt.Sprintf("%d/", i)}, nil)
		add(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("%d/real.tar", i)}, content)
		add(&tar.Header{Typeflag: tar.TypeSymlink, Name: fmt.Sprintf("%d/layer.tar", i), Linkname: fmt.Sprintf("../%d/real.tar", i)}, nil)
		list += fmt.Sprintf(`,"%d/layer.tar"`, i)
	}
	add(&tar.Header{Typeflag: tar.TypeReg, Name: "config.json"}, must(img.RawConfigFile())(t))
	add(&tar.Header{Typeflag: tar.TypeReg, Name: "manifest.json"},
		[]byte(fmt.Sprintf(`[{"Config":"config.json","RepoTags":[%q],"Layers":[%s]}]`, name, list[1:])))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return saved.Bytes()
}

// ociLayout writes an OCI layout of the parts added to it.
func ociLayout(t *testing.T, add func(layout.Path)) string {
	t.Helper()
	dir := t.TempDir()
	add(must(layout.Write(dir, empty.Index))(t))
	return dir
}

// platforms is an image for this machine and another.
func platforms(t *testing.T) v1.ImageIndex {
	t.Helper()
	var index v1.ImageIndex = empty.Index
	for _, arch := range []string{otherArch, runtime.GOARCH} {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image(t, arch),
			Descriptor: v1.Descriptor{MediaType: types.OCIManifestSchema1, Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	return index
}

// tarOf is the tar of a directory.
func tarOf(t *testing.T, dir string) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	must(w.Write(content))(t)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func zstandard(t *testing.T, content []byte) []byte {
	t.Helper()
	return must(zstd.NewWriter(nil))(t).EncodeAll(content, nil)
}

// fileOf writes content to a file.
func fileOf(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
