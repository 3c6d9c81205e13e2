package images

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"ordinal.dev/ordinal/internal/ociimage"
)

const myImage = "docker.io/library/my-image:latest"

func newStore(t *testing.T) *Store {
	t.Helper()
	return must(Open(filepath.Join(t.TempDir(), "images")))(t)
}

// loadable returns every form in which one image may come, by what it is.
func loadable(t *testing.T) map[string]Load {
	img := image(t, runtime.GOARCH)
	saved := dockerSave(t, map[string]v1.Image{"my-image": img})
	named := ociLayout(t, func(p layout.Path) {
		if err := p.AppendImage(img, layout.WithAnnotations(map[string]string{nameAnnotation: myImage, refNameAnnotation: "latest"})); err != nil {
			t.Fatal(err)
		}
	})
	podman := ociLayout(t, func(p layout.Path) {
		if err := p.AppendImage(img, layout.WithAnnotations(map[string]string{refNameAnnotation: "docker.io/library/my-image:latest"})); err != nil {
			t.Fatal(err)
		}
	})
	nameless := ociLayout(t, func(p layout.Path) {
		if err := p.AppendImage(img, layout.WithAnnotations(map[string]string{refNameAnnotation: "v1"})); err != nil {
			t.Fatal(err)
		}
	})
	index := ociLayout(t, func(p layout.Path) {
		if err := p.AppendIndex(platforms(t), layout.WithAnnotations(map[string]string{nameAnnotation: myImage})); err != nil {
			t.Fatal(err)
		}
	})
	separate := ociLayout(t, func(p layout.Path) {
		for _, arch := range []string{otherArch, runtime.GOARCH} {
			if err := p.AppendImage(image(t, arch), layout.WithAnnotations(map[string]string{nameAnnotation: myImage}),
				layout.WithPlatform(v1.Platform{OS: "linux", Architecture: arch})); err != nil {
				t.Fatal(err)
			}
		}
	})
	var ours bytes.Buffer
	if err := ociimage.WriteIndex(&ours, platforms(t), "my-image"); err != nil {
		t.Fatal(err)
	}
	return map[string]Load{
		"docker save":                    {Path: fileOf(t, saved)},
		"docker save, gzip":              {Path: fileOf(t, gzipped(t, saved))},
		"docker save, zstd":              {Path: fileOf(t, zstandard(t, saved))},
		"docker save of old":             {Path: fileOf(t, oldDockerSave(t, "my-image:latest", img))},
		"OCI layout, tar":                {Path: fileOf(t, tarOf(t, named))},
		"OCI layout, tar, gzip":          {Path: fileOf(t, gzipped(t, tarOf(t, named)))},
		"OCI layout, directory":          {Path: named},
		"OCI layout by podman":           {Path: podman},
		"OCI layout without a name":      {Path: nameless, Name: "my-image"},
		"OCI layout, platforms":          {Path: fileOf(t, tarOf(t, index))},
		"OCI layout, platforms unjoined": {Path: separate},
		"OCI layout, platforms, ours":    {Path: fileOf(t, ours.Bytes())},
	}
}

func TestEveryFormOfAnImageIsLoaded(t *testing.T) {
	for form, load := range loadable(t) {
		t.Run(form, func(t *testing.T) {
			s := newStore(t)
			names, err := s.Load(t.Context(), load)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(names, []string{myImage}) {
				t.Errorf("loaded %v, want %s", names, myImage)
			}
			images := must(s.List())(t)
			if len(images) != 1 || images[0].Name != myImage || !slices.Contains(images[0].Platforms, "linux/"+runtime.GOARCH) {
				t.Errorf("store lists %+v", images)
			}
			if strings.Contains(form, "platforms") && len(images[0].Platforms) != 2 {
				t.Errorf("platforms %v, want two", images[0].Platforms)
			}
			pulled(t, s, myImage)
		})
	}
}

func TestSeveralImagesOfOneArchiveAreAllLoaded(t *testing.T) {
	s := newStore(t)
	shared := image(t, runtime.GOARCH)
	saved := dockerSave(t, map[string]v1.Image{"a:1": shared, "a:2": shared, "quay.io/b/c:3": image(t, runtime.GOARCH)})
	names := must(s.Load(t.Context(), Load{Path: fileOf(t, saved)}))(t)
	slices.Sort(names)
	want := []string{"docker.io/library/a:1", "docker.io/library/a:2", "quay.io/b/c:3"}
	if !slices.Equal(names, want) {
		t.Errorf("loaded %v, want %v", names, want)
	}
	for _, name := range want {
		pulled(t, s, name)
	}
}

// Docker saves the index of all platforms with the one platform it pulled.
func TestPlatformsThatWereNotSavedAreNotMissed(t *testing.T) {
	index := platforms(t)
	dir := ociLayout(t, func(p layout.Path) {
		if err := p.AppendIndex(index, layout.WithAnnotations(map[string]string{nameAnnotation: myImage})); err != nil {
			t.Fatal(err)
		}
	})
	other := must(index.IndexManifest())(t).Manifests[0]
	if other.Platform.Architecture != otherArch {
		t.Fatal("the first platform should be the other one")
	}
	if err := os.Remove(filepath.Join(dir, "blobs", "sha256", other.Digest.Hex)); err != nil {
		t.Fatal(err)
	}
	s := newStore(t)
	if _, err := s.Load(t.Context(), Load{Path: dir}); err != nil {
		t.Fatal(err)
	}
	if got := must(s.List())(t)[0].Platforms; !slices.Equal(got, []string{"linux/" + runtime.GOARCH}) {
		t.Errorf("platforms %v", got)
	}
}

// holds checks that nothing but the images of these names is in the store.
func holds(t *testing.T, s *Store, names ...string) {
	t.Helper()
	needed := map[string]bool{}
	var listed []string
	for _, d := range must(s.index())(t).Manifests {
		listed = append(listed, d.Annotations[nameAnnotation])
		if err := walk(s, d, func(part v1.Descriptor, _ string) { needed[part.Digest.Hex] = true }); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(listed, names) {
		t.Errorf("store lists %v, want %v", listed, names)
	}
	for _, blob := range must(os.ReadDir(s.blobDir()))(t) {
		if !needed[blob.Name()] {
			t.Errorf("blob %s belongs to no image", blob.Name())
		}
	}
	if _, err := os.Stat(s.incomingDir()); !os.IsNotExist(err) {
		t.Error("the incoming directory was left behind")
	}
}

func TestWhatCannotBeLoadedIsRefusedWithOneSentenceAndChangesNothing(t *testing.T) {
	img := image(t, runtime.GOARCH)
	saved := dockerSave(t, map[string]v1.Image{"my-image": img})
	layer := must(must(img.Layers())(t)[0].Digest())(t)
	nameless := ociLayout(t, func(p layout.Path) {
		if err := p.AppendImage(img); err != nil {
			t.Fatal(err)
		}
	})
	damaged := ociLayout(t, func(p layout.Path) {
		if err := p.AppendImage(img); err != nil {
			t.Fatal(err)
		}
	})
	if err := os.WriteFile(filepath.Join(damaged, "blobs", "sha256", layer.Hex), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	incomplete := ociLayout(t, func(p layout.Path) {
		if err := p.AppendImage(img); err != nil {
			t.Fatal(err)
		}
	})
	if err := os.Remove(filepath.Join(incomplete, "blobs", "sha256", layer.Hex)); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(nameless, "blobs")
	for what, c := range map[string]struct {
		path string
		name string
		want string
	}{
		"missing file":   {path: "/nonexistent/image.tar", want: "no such file"},
		"empty file":     {path: fileOf(t, nil), want: "not an image"},
		"text":           {path: fileOf(t, []byte("hello, world")), want: "not an image"},
		"long text":      {path: fileOf(t, bytes.Repeat([]byte("hello "), 1000)), want: "not an image"},
		"zeros":          {path: fileOf(t, make([]byte, 4096)), want: "not an image"},
		"foreign tar":    {path: fileOf(t, tarOf(t, foreign)), want: "not an image"},
		"foreign dir":    {path: foreign, want: "not an image"},
		"truncated gzip": {path: fileOf(t, gzipped(t, saved)[:3000]), want: "truncated"},
		"other platform": {path: fileOf(t, dockerSave(t, map[string]v1.Image{"x": image(t, otherArch)})), want: "it is for linux/" + otherArch},
		"nameless":       {path: nameless, want: "--name"},
		"bad name":       {path: nameless, name: "My Image", want: "not an image name"},
		"damaged layer":  {path: damaged, name: "x", want: "damaged"},
		"missing layer":  {path: incomplete, name: "x", want: layer.String() + " is missing"},
	} {
		t.Run(what, func(t *testing.T) {
			s := newStore(t)
			must(s.Load(t.Context(), Load{Path: fileOf(t, saved)}))(t)
			_, err := s.Load(t.Context(), Load{Path: c.path, Name: c.name})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Count(err.Error(), c.path) != 1 {
				t.Errorf("error %v, want %q and the path once", err, c.want)
			}
			holds(t, s, myImage)
		})
	}
}

// Wherever a tar is cut off, nothing of it is loaded.
func TestTruncatedArchiveIsNeverLoaded(t *testing.T) {
	saved := dockerSave(t, map[string]v1.Image{"my-image": image(t, runtime.GOARCH)})
	end := bytes.LastIndex(saved, []byte("]}]")) // of manifest.json, the last file
	path := fileOf(t, saved)
	s := newStore(t)
	for size := end; size > 0; size -= 509 {
		if err := os.Truncate(path, int64(size)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(t.Context(), Load{Path: path}); err == nil {
			t.Fatalf("%d of %d bytes were loaded as an image", size, len(saved))
		}
	}
	holds(t, s)
}

func TestImageLoadedAnewReplacesTheOldOne(t *testing.T) {
	s := newStore(t)
	for range 2 {
		img := image(t, runtime.GOARCH)
		must(s.Load(t.Context(), Load{Path: fileOf(t, dockerSave(t, map[string]v1.Image{"my-image": img}))}))(t)
		want := must(img.ConfigName())(t)
		if got := must(pulled(t, s, myImage).ConfigName())(t); got != want {
			t.Errorf("the name stands for %s, want %s", got, want)
		}
		holds(t, s, myImage)
	}
}

func TestWhatAnInterruptedLoadLeftIsCleared(t *testing.T) {
	s := newStore(t)
	if err := os.MkdirAll(s.incomingDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.incomingDir(), "0"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	must(s.Load(t.Context(), loadable(t)["docker save"]))(t)
	holds(t, s, myImage)
}

func TestLoadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	load := loadable(t)["docker save"]
	load.Progress = func(int64, int64) { cancel() }
	s := newStore(t)
	if _, err := s.Load(ctx, load); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
	holds(t, s)
}

func TestProgressReachesItsTotal(t *testing.T) {
	for _, form := range []string{"docker save", "docker save, gzip", "OCI layout, directory"} {
		var read, total int64
		load := loadable(t)[form]
		load.Progress = func(r, of int64) {
			if r < read {
				t.Errorf("%s: progress went back from %d to %d", form, read, r)
			}
			read, total = r, of
		}
		must(newStore(t).Load(t.Context(), load))(t)
		if total == 0 || read > total || total-read > 1024 { // a tar's reader leaves its last padding
			t.Errorf("%s: progress ended at %d of %d", form, read, total)
		}
	}
}

func TestConcurrentLoadsAllArrive(t *testing.T) {
	s := newStore(t)
	var all sync.WaitGroup
	for i := range 8 {
		path := fileOf(t, dockerSave(t, map[string]v1.Image{fmt.Sprintf("image-%d", i): image(t, runtime.GOARCH)}))
		all.Go(func() {
			// A store of its own, as another process would have.
			other, err := Open(s.dir)
			if err == nil {
				_, err = other.Load(t.Context(), Load{Path: path})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := len(must(s.List())(t)); got != 8 {
		t.Errorf("%d images arrived, want 8", got)
	}
}

func TestNamesInAnArchiveDoNotLeaveIt(t *testing.T) {
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for _, h := range []*tar.Header{
		{Typeflag: tar.TypeReg, Name: "../../escaped", Mode: 0o644},
		{Typeflag: tar.TypeSymlink, Name: "index.json", Linkname: "/etc/passwd"},
	} {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s := newStore(t)
	if _, err := s.Load(t.Context(), Load{Path: fileOf(t, packed.Bytes())}); !errors.Is(err, errNotImage) {
		t.Errorf("error %v, want that it is no image", err)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "..", "escaped")); err == nil {
		t.Error("a file came to be outside the store")
	}
}

func TestEmptyIndexIsNotAnImage(t *testing.T) {
	dir := t.TempDir()
	must(layout.Write(dir, empty.Index))(t)
	if _, err := newStore(t).Load(t.Context(), Load{Path: dir}); !errors.Is(err, errNotImage) {
		t.Errorf("error %v, want that it is no image", err)
	}
}

// containerd unpacks a layer by what its description says.
func TestLayersAreDescribedAsTheyAreCompressed(t *testing.T) {
	img := image(t, runtime.GOARCH)
	for want, saved := range map[types.MediaType][]byte{
		types.DockerLayer:             dockerSave(t, map[string]v1.Image{"my-image": img}),
		types.DockerUncompressedLayer: oldDockerSave(t, "my-image:latest", img),
	} {
		s := newStore(t)
		must(s.Load(t.Context(), Load{Path: fileOf(t, saved)}))(t)
		for _, layer := range must(pulled(t, s, myImage).Layers())(t) {
			if got := must(layer.MediaType())(t); got != want {
				t.Errorf("layer is described as %s, want %s", got, want)
			}
		}
	}
}

func TestTheNameThatIsGivenCounts(t *testing.T) {
	s := newStore(t)
	one := fileOf(t, dockerSave(t, map[string]v1.Image{"localhost/mine": image(t, runtime.GOARCH)}))
	must(s.Load(t.Context(), Load{Path: one, Name: "my-image"}))(t)
	holds(t, s, myImage)
	same := image(t, runtime.GOARCH)
	tags := fileOf(t, dockerSave(t, map[string]v1.Image{"a": same, "b": same}))
	must(s.Load(t.Context(), Load{Path: tags, Name: "my-image"}))(t)
	holds(t, s, myImage)
	two := fileOf(t, dockerSave(t, map[string]v1.Image{"a": image(t, runtime.GOARCH), "b": image(t, runtime.GOARCH)}))
	if _, err := s.Load(t.Context(), Load{Path: two, Name: "my-image"}); err == nil || !strings.Contains(err.Error(), "--name is for one") {
		t.Errorf("one name for two images: %v", err)
	}
	holds(t, s, myImage)
}

func TestADiskIsNotFilled(t *testing.T) {
	dir := t.TempDir()
	if err := roomFor(1<<62, dir); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("room for more than any disk holds: %v", err)
	}
	if err := roomFor(1, dir); err != nil {
		t.Errorf("no room for a byte: %v", err)
	}
}
