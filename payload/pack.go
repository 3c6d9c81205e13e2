package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

const (
	// listName is the file that names every program of the payload with its
	// SHA-256, in the format of sha256sum(1). Its first line is a comment
	// with the fingerprint of the inputs it was built from.
	listName      = "digests.txt"
	packedSuffix  = ".zst"
	inputsComment = "# inputs "
)

// An entry is one line of the list: a program and the digest of its binary.
type entry struct {
	name, digest string
	size, packed int64
}

// fingerprint digests everything that decides what the binaries are: this
// module's files, the source of pause, and the Go that compiles them.
func fingerprint(to target) (string, error) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		return "", err
	}
	nested, err := filepath.Glob("*/*.go")
	if err != nil {
		return "", err
	}
	files = append(append(files, nested...), "go.mod", "go.sum", pauseSource)
	env := exec.Command("go", "env", "GOVERSION", "GOOS", "GOARCH")
	env.Env = append(os.Environ(), to.env()...)
	compiler, err := env.Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	h := sha256.New()
	h.Write(compiler)
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n", name, len(content))
		h.Write(content)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// upToDate says whether dest holds a whole payload built from these inputs.
func upToDate(dest, inputs string) bool {
	list, err := os.ReadFile(filepath.Join(dest, listName))
	if err != nil || !strings.HasPrefix(string(list), inputsComment+inputs+"\n") {
		return false
	}
	for _, p := range programs {
		if _, err := os.Stat(filepath.Join(dest, p.name+packedSuffix)); err != nil {
			return false
		}
	}
	return true
}

// pack writes the binary, compressed, into dest.
func pack(binary, dest string) (entry, error) {
	in, err := os.Open(binary)
	if err != nil {
		return entry{}, err
	}
	defer in.Close()
	path := filepath.Join(dest, filepath.Base(binary)+packedSuffix)
	out, err := os.Create(path)
	if err != nil {
		return entry{}, err
	}
	defer out.Close()
	packer, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		return entry{}, err
	}
	h := sha256.New()
	size, err := io.Copy(io.MultiWriter(packer, h), in)
	if err != nil {
		return entry{}, err
	}
	if err := packer.Close(); err != nil {
		return entry{}, err
	}
	info, err := out.Stat()
	if err != nil {
		return entry{}, err
	}
	return entry{
		name:   filepath.Base(binary),
		digest: hex.EncodeToString(h.Sum(nil)),
		size:   size,
		packed: info.Size(),
	}, nil
}

// writeList comes last, in one rename: it is what makes the payload whole.
func writeList(dest, inputs string, entries []entry) error {
	var list strings.Builder
	fmt.Fprintf(&list, "%s%s\n", inputsComment, inputs)
	for _, e := range entries {
		fmt.Fprintf(&list, "%s  %s\n", e.digest, e.name)
	}
	path := filepath.Join(dest, listName)
	if err := os.WriteFile(path+".tmp", []byte(list.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
