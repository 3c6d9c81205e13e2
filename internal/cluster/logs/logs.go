// Package logs opens the cluster's log files, keeps them short, and reads their ends.
package logs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxSize is the size in bytes at which a log is put aside.
const maxSize = 32 << 20

// Open opens a log to be appended to. One that has grown large is renamed
// first, in the place of the one before it.
func Open(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && info.Size() > maxSize {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("putting the old log aside: %w", err)
		}
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// Trim puts the logs in dir aside that have grown large, while their writers, other
// processes among them, go on appending. What they write at that moment may be lost.
func Trim(dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return err
	}
	var failed []error
	for _, path := range paths {
		if info, err := os.Stat(path); err != nil || info.Size() <= maxSize {
			continue
		}
		if err := copyFile(path, path+".1"); err != nil { // on a full disk room matters more than the past
			failed = append(failed, fmt.Errorf("putting the log %s aside: %w", path, err))
		}
		failed = append(failed, os.Truncate(path, 0))
	}
	return errors.Join(failed...)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// Since returns what was written to a log after an offset.
func Since(path string, offset int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return ""
	}
	data, _ := io.ReadAll(f)
	return string(data)
}

// LastLines returns the last n lines of a log, none when it cannot be read.
func LastLines(path string, n int) []string {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	const enough = 16 << 10
	text := strings.TrimRight(Since(path, max(0, info.Size()-enough)), "\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	return lines[max(0, len(lines)-n):]
}

// crashLines is how much of a crash is shown: what it was, and the functions that
// led to it.
const crashLines = 24

// LastWords are the lines of a log in which a process says why it ended: where Go's
// runtime reports a crash, its beginning, and otherwise the last n.
func LastWords(log string, n int) []string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return lines[i:min(i+crashLines, len(lines))]
		}
	}
	return lines[max(0, len(lines)-n):]
}
