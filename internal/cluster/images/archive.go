package images

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"github.com/google/go-containerregistry/pkg/compression"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// An archive is the files of a tar or of a directory, copied next to the store
// in one pass and known by their digests. Reading once lets an archive come
// from a pipe and costs no second decompression; layers are kept as they are,
// since containerd takes them compressed or not.
type archive struct {
	dir    string
	copies int
	files  map[string]file // by the name in the archive
	byHash map[v1.Hash]file
}

// A file is one file of an archive, or a link to another.
type file struct {
	path   string // of the copy
	digest v1.Hash
	size   int64
	link   string // the name it stands for, if it is a link
}

// errNotImage is what is said of a file that is no image archive, whatever the
// way it was found out.
var errNotImage = errors.New("not an image: neither what `docker save` writes nor an OCI layout")

func newArchive(dir string) *archive {
	return &archive{dir: dir, files: map[string]file{}, byHash: map[v1.Hash]file{}}
}

// open opens a part by its digest; walk reads manifests through it.
func (a *archive) open(h v1.Hash) (io.ReadCloser, error) {
	f, ok := a.byHash[h]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return os.Open(f.path)
}

// get finds a file by its name in the archive, through links: older Dockers
// save a layer that two images share once, and link the other to it.
func (a *archive) get(name string) (file, bool) {
	for range 10 {
		f, ok := a.files[path.Clean(name)]
		if !ok || f.link == "" {
			return f, ok
		}
		name = f.link
	}
	return file{}, false
}

// readTar adds the files of a tar, which may be compressed.
func (a *archive) readTar(r io.Reader) error {
	plain, err := decompress(r)
	if err != nil {
		return err
	}
	entries := tar.NewReader(plain)
	for {
		header, err := entries.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case len(a.files) == 0 && (errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF)):
			return errNotImage // not even the first entry of a tar
		case errors.Is(err, io.ErrUnexpectedEOF):
			return errors.New("truncated: it ends in the middle; save or copy it again")
		case err != nil:
			return err
		}
		switch header.Typeflag {
		case tar.TypeReg:
			err = a.add(path.Clean(header.Name), entries)
		case tar.TypeSymlink:
			a.files[path.Clean(header.Name)] = file{link: path.Join(path.Dir(header.Name), header.Linkname)}
		case tar.TypeLink:
			a.files[path.Clean(header.Name)] = file{link: header.Linkname}
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("truncated: it ends in the middle of %s; save or copy it again", header.Name)
		}
		if err != nil {
			return err
		}
	}
}

// readDir adds the files of an OCI layout in a directory, reading them through
// wrap.
func (a *archive) readDir(dir string, wrap func(io.Reader) io.Reader) error {
	if _, err := os.Stat(filepath.Join(dir, "oci-layout")); err != nil {
		return errNotImage
	}
	return fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		from, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		defer from.Close()
		return a.add(name, wrap(from))
	})
}

// add copies one file. The copies are numbered, for the names in an archive
// are a stranger's.
func (a *archive) add(name string, content io.Reader) error {
	a.copies++
	f := file{path: filepath.Join(a.dir, strconv.Itoa(a.copies))}
	to, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer to.Close()
	h := sha256.New()
	if f.size, err = io.Copy(io.MultiWriter(to, h), content); err != nil {
		return err
	}
	f.digest = v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(h.Sum(nil))}
	if path.Dir(name) == "blobs/sha256" && path.Base(name) != f.digest.Hex {
		return fmt.Errorf("damaged: the content of %s is another; save or copy it again", name)
	}
	a.files[name], a.byHash[f.digest] = f, f
	return nil
}

// addBytes adds a part that is made here and not in the archive.
func (a *archive) addBytes(content []byte) (v1.Hash, error) {
	name := "made/" + strconv.Itoa(a.copies)
	if err := a.add(name, bytes.NewReader(content)); err != nil {
		return v1.Hash{}, err
	}
	return a.files[name].digest, nil
}

// The first bytes of what a compressor wrote.
var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

func compressionOf(start []byte) compression.Compression {
	switch {
	case bytes.HasPrefix(start, gzipMagic):
		return compression.GZip
	case bytes.HasPrefix(start, zstdMagic):
		return compression.ZStd
	default:
		return compression.None
	}
}

func decompress(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(r, 1<<20)
	start, err := buffered.Peek(len(zstdMagic))
	if errors.Is(err, io.EOF) {
		return nil, errNotImage
	}
	if err != nil {
		return nil, err
	}
	switch compressionOf(start) {
	case compression.GZip:
		return gzip.NewReader(buffered)
	case compression.ZStd:
		return zstd.NewReader(buffered)
	default:
		return buffered, nil
	}
}
