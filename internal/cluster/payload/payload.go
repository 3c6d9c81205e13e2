package payload

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

// The programs, by the names of their files under the directory they are
// unpacked to. The CNI plugins (bridge, host-local, portmap) are found there
// by containerd.
const (
	Containerd = "containerd"
	Shim       = "containerd-shim-runc-v2"
	Runc       = "runc"
	Pause      = "pause"
)

// ErrNotBuilt is returned by a binary that was built without the programs.
var ErrNotBuilt = errors.New("this build carries no container runtime: build it with `make`, or use --nodes simulated")

// digestList names each program with the SHA-256 of its binary, one a line as
// sha256sum(1) writes them; lines that start with # are comments.
const digestList = "digests.txt"

// Unpack makes dir hold every program, executable and with the content that
// was built. Programs that are there already and intact are left alone, so
// that only the first start writes; a program that is running may be replaced.
func Unpack(dir string) error {
	content, err := fs.Sub(embedded, folder)
	if err != nil {
		return err
	}
	return unpack(content, dir)
}

func unpack(content fs.FS, dir string) error {
	digests, err := readDigests(content)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make a place for the container runtime: %w", err)
	}
	var programs errgroup.Group
	for name, digest := range digests {
		programs.Go(func() error {
			target := filepath.Join(dir, name)
			if intact(target, digest) {
				return nil
			}
			err := write(content, name, target, digest)
			if errors.Is(err, syscall.ENOSPC) {
				return fmt.Errorf("no space left to unpack %s into %s: free 100 MB and start again", name, dir)
			}
			if err != nil {
				return fmt.Errorf("unpack %s: %w", name, err)
			}
			return nil
		})
	}
	return programs.Wait()
}

// readDigests returns the digest, in hex, of each program by its name.
func readDigests(content fs.FS) (map[string]string, error) {
	list, err := content.Open(digestList)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotBuilt
	}
	if err != nil {
		return nil, err
	}
	defer list.Close()
	digests := map[string]string{}
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		digest, name, ok := strings.Cut(lines.Text(), "  ")
		if !ok || name != path.Base(name) {
			return nil, fmt.Errorf("%s: malformed line %q", digestList, lines.Text())
		}
		digests[name] = digest
	}
	return digests, lines.Err()
}

// intact says whether the file is an executable with this digest. Whatever
// keeps it from being read is a reason to write it anew.
func intact(target, digest string) bool {
	file, err := os.Open(target)
	if err != nil {
		return false
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm() != 0o755 {
		return false
	}
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return false
	}
	return hex.EncodeToString(h.Sum(nil)) == digest
}

// write unpacks one program beside its place and renames it into it: a program
// is never seen half-written, and one that is running, which the kernel would
// not let be overwritten, keeps its old file until it ends.
func write(content fs.FS, name, target, digest string) error {
	packed, err := content.Open(name + ".zst")
	if err != nil {
		return err
	}
	defer packed.Close()
	unpacked, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer unpacked.Close()

	// One name for each program: what a crash leaves behind, the next start
	// overwrites.
	temp := target + ".unpacking"
	if err := writeChecked(temp, unpacked, digest); err != nil {
		os.Remove(temp)
		return err
	}
	return os.Rename(temp, target)
}

func writeChecked(path string, from io.Reader, digest string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(file, h), from); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != digest {
		return fmt.Errorf("digest %s, want %s: the ordinal binary is damaged", got, digest)
	}
	// The umask applies to the mode given at creation.
	if err := file.Chmod(0o755); err != nil {
		return err
	}
	return file.Sync()
}
