package images

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// FuzzLoad takes anything for an image's archive: it is loaded whole, or refused
// and the store is as it was. Nothing is written anywhere else, whatever names the
// archive holds.
func FuzzLoad(f *testing.F) {
	for _, archive := range [][]byte{
		savedBy(f, "config.json", "layer.tar"), savedBy(f, "config.json", "../../layer.tar"), savedBy(f, "/config.json", "config.json"),
		tarWith(f, "index.json", `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:00","size":1}]}`),
	} {
		f.Add(archive)
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		if _, err := w.Write(archive); err != nil || w.Close() != nil {
			f.Fatal(err)
		}
		f.Add(zipped.Bytes())
		f.Add(archive[:len(archive)/2])
	}
	f.Fuzz(func(t *testing.T, archive []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, "archive")
		if err := os.WriteFile(path, archive, 0o600); err != nil {
			t.Fatal(err)
		}
		s := must(Open(filepath.Join(dir, "store")))(t)
		names, err := s.Load(t.Context(), Load{Path: path, Name: "given"})
		listed := must(s.List())(t)
		if (err == nil) != (len(listed) > 0) || err == nil && len(names) != len(listed) {
			t.Errorf("loading %q ended with %v, and the store holds %v", names, err, listed)
		}
		if around := must(os.ReadDir(dir))(t); len(around) != 2 {
			t.Errorf("beside the store and the archive there is now more: %v", around)
		}
		if blobs := must(os.ReadDir(s.blobDir()))(t); err != nil && len(blobs) > 0 {
			t.Errorf("the archive was refused, and %d parts of it are kept", len(blobs))
		}
	})
}

// savedBy is what `docker save` writes, with these names for the parts.
func savedBy(f *testing.F, config, layer string) []byte {
	return tarWith(f,
		"manifest.json", `[{"Config":"`+config+`","RepoTags":["my-image:1"],"Layers":["`+layer+`"]}]`,
		config, `{"os":"linux","architecture":"`+runtime.GOARCH+`"}`,
		layer, "what would be a layer",
	)
}

// tarWith is a tar of files, each a name and what it holds.
func tarWith(f *testing.F, files ...string) []byte {
	f.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1]))}); err != nil {
			f.Fatal(err)
		}
		if _, err := w.Write([]byte(files[i+1])); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	return archive.Bytes()
}
