package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// runTar is tar(1) as far as kubectl cp uses it:
//
//	tar cf - PATH            write PATH and what is below it to stdout
//	tar -xmf - [-C DIR]      extract stdin, with times of now
//
// and, with --no-preserve, --no-same-permissions and --no-same-owner, which
// say what extraction does here anyway: files belong to whoever extracts them.
func runTar(args []string, in io.Reader, out io.Writer) error {
	var rest []string
	for _, arg := range args {
		if arg != "--no-same-permissions" && arg != "--no-same-owner" {
			rest = append(rest, arg)
		}
	}
	switch {
	case len(rest) == 3 && strings.TrimPrefix(rest[0], "-") == "cf" && rest[1] == "-":
		return create(out, rest[2])
	case len(rest) == 2 && isExtract(rest[0]) && rest[1] == "-":
		return extract(in, ".")
	case len(rest) == 4 && isExtract(rest[0]) && rest[1] == "-" && rest[2] == "-C":
		return extract(in, rest[3])
	}
	return errors.New("usage: tar cf - PATH | tar xf - [-C DIRECTORY]")
}

func isExtract(flags string) bool {
	flags = strings.TrimPrefix(flags, "-")
	return flags == "xf" || flags == "xmf"
}

// create writes root and what is below it, under names without a leading
// slash, as tar(1) does and kubectl cp expects.
func create(out io.Writer, root string) error {
	w := tar.NewWriter(out)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return add(w, path, entry)
	})
	if err != nil {
		return err
	}
	return w.Close()
}

func add(w *tar.Writer, path string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(path); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	header.Name = strings.TrimLeft(filepath.Clean(path), "/")
	if info.IsDir() {
		header.Name += "/"
	}
	if err := w.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	// A file that grows meanwhile is copied as long as its header says.
	_, err = io.CopyN(w, file, info.Size())
	return err
}

// extract unpacks in below dir and nowhere else, whatever the names in it say.
func extract(in io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	r := tar.NewReader(in)
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := place(root, header, r); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

func place(root *os.Root, header *tar.Header, content io.Reader) error {
	name := filepath.Clean(header.Name)
	mode := header.FileInfo().Mode().Perm()
	switch header.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, mode|0o700)
	case tar.TypeReg:
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, content)
		return errors.Join(err, file.Close())
	case tar.TypeSymlink:
		return root.Symlink(header.Linkname, name)
	default:
		return fmt.Errorf("an entry of type %q cannot be extracted", header.Typeflag)
	}
}
