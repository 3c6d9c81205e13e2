package ociimage

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// written is what WriteIndex makes of a server and a client for two platforms.
func written(t *testing.T) []byte {
	t.Helper()
	index, err := Recipe{User: "65532:65532", Programs: []string{
		compiled(t, "amd64", "server"), compiled(t, "arm64", "server"),
		compiled(t, "amd64", "client"), compiled(t, "arm64", "client"),
	}}.BuildIndex()
	if err != nil {
		t.Fatal(err)
	}
	var to bytes.Buffer
	if err := WriteIndex(&to, index, "server:dev"); err != nil {
		t.Fatal(err)
	}
	return to.Bytes()
}

// unpacked is the one descriptor of the OCI layout in a tar, and the index that it stands for.
func unpacked(t *testing.T, packed []byte) (v1.Descriptor, v1.ImageIndex) {
	t.Helper()
	dir := t.TempDir()
	for r := tar.NewReader(bytes.NewReader(packed)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, h.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	top, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := top.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 {
		t.Fatalf("the layout is of %v, %v; want one index", manifest, err)
	}
	index, err := top.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return manifest.Manifests[0], index
}

func TestAnIndexHasAnImageForEachPlatformWithAllItsPrograms(t *testing.T) {
	described, index := unpacked(t, written(t))
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	if described.Annotations[nameAnnotation] != "docker.io/library/server:dev" || described.Annotations[tagAnnotation] != "dev" {
		t.Errorf("it is called %v", described.Annotations)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, d := range manifest.Manifests {
		platforms = append(platforms, d.Platform.String())
		if d.ArtifactType != "" {
			t.Errorf("the image for %s is an artifact of type %s, which nobody runs", d.Platform, d.ArtifactType)
		}
		image, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.Architecture != d.Platform.Architecture || config.Config.User != "65532:65532" || !slices.Equal(config.Config.Entrypoint, []string{"/bin/server"}) {
			t.Errorf("image for %s: for %s, as %q, runs %v", d.Platform, config.Architecture, config.Config.User, config.Config.Entrypoint)
		}
		if files := filesOf(t, image); !slices.Contains(files, "bin/server") || !slices.Contains(files, "bin/client") {
			t.Errorf("image for %s holds %v", d.Platform, files)
		}
	}
	if !slices.Equal(platforms, []string{"linux/amd64", "linux/arm64"}) {
		t.Errorf("platforms %v", platforms)
	}
}

func filesOf(t *testing.T, image v1.Image) (names []string) {
	t.Helper()
	content := mutate.Extract(image)
	defer content.Close()
	for r := tar.NewReader(content); ; {
		h, err := r.Next()
		if err == io.EOF {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}

// The programs are compiled twice, in other directories.
func TestTheSameSourcesGiveTheSameArchiveByteForByte(t *testing.T) {
	if first, second := written(t), written(t); !bytes.Equal(first, second) {
		t.Errorf("two archives of %d and %d bytes differ", len(first), len(second))
	}
}

func TestAnImageIsForOnePlatform(t *testing.T) {
	_, err := Recipe{Programs: []string{compiled(t, "amd64", "server"), compiled(t, "arm64", "client")}}.Build()
	if err == nil {
		t.Error("an image was made of programs for two platforms")
	}
}
