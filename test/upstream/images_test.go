package upstream

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	images "k8s.io/kubernetes/test/utils/image"

	"ordinal.dev/ordinal/internal/ociimage"
)

const (
	agnhost = "../../bin/agnhost" // upstream's own program for its tests
	busybox = "../../bin/busybox" // the shell and the tools beside it
)

// writeImages writes the images that the tests name to a file that `ordinal load`
// takes. They have one root file system, and differ in what they start.
func writeImages(path string) error {
	files, err := rootFS()
	if err != nil {
		return err
	}
	all := map[name.Tag]v1.Image{}
	for id, config := range map[images.ImageID]v1.Config{
		images.AgnhostPrev: {Entrypoint: []string{"/agnhost"}, Cmd: []string{"pause"}},
		images.Agnhost:     {Entrypoint: []string{"/agnhost"}, Cmd: []string{"pause"}},
		images.Pause:       {Entrypoint: []string{"/agnhost", "pause"}},
		images.BusyBox:     {Cmd: []string{"/bin/sh"}},
	} {
		tag, err := name.NewTag(images.GetE2EImage(id))
		if err != nil {
			return err
		}
		config.Env = []string{"PATH=/bin"}
		file := v1.ConfigFile{OS: "linux", Architecture: runtime.GOARCH, Config: config}
		if all[tag], err = ociimage.FromTar(files, file); err != nil {
			return err
		}
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(tarball.MultiWrite(all, file), file.Close())
}

// rootFS is an archive of what there is in every container.
func rootFS() ([]byte, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, h := range []tar.Header{{Name: "bin/", Mode: 0o755}, {Name: "tmp/", Mode: 0o1777}} {
		h.Typeflag = tar.TypeDir
		if err := w.WriteHeader(&h); err != nil {
			return nil, err
		}
	}
	for to, from := range map[string]string{"agnhost": agnhost, "bin/busybox": busybox} {
		content, err := os.ReadFile(from)
		if err != nil {
			return nil, err
		}
		if err := put(w, to, content); err != nil {
			return nil, err
		}
	}
	// A test makes a pod not ready by moving this file away, which its probe asks for.
	if err := put(w, "localhost.crt", []byte("of nobody\n")); err != nil {
		return nil, err
	}
	tools, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return nil, err
	}
	for _, tool := range strings.Fields(string(tools)) {
		if tool == "busybox" {
			continue
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + tool, Linkname: "busybox", Mode: 0o777}); err != nil {
			return nil, err
		}
	}
	return archive.Bytes(), w.Close()
}

func put(w *tar.Writer, path string, content []byte) error {
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path, Mode: 0o755, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}
