package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// A count is a number that survives the process when it has a directory.
type count struct {
	mu    sync.Mutex
	value uint64
	dir   string // "" keeps the count in memory
}

const countFile = "count"

// openCount reads the count in dir. Where there is no dir, no volume is
// mounted, and the count starts at nothing and ends with the process.
func openCount(dir string) (*count, error) {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return &count{}, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", dir)
	}
	content, err := os.ReadFile(filepath.Join(dir, countFile))
	if errors.Is(err, fs.ErrNotExist) {
		return &count{dir: dir}, nil
	}
	if err != nil {
		return nil, err
	}
	// A file that is no count is somebody's data: better not to start than to
	// write over it.
	value, err := strconv.ParseUint(strings.TrimSpace(string(content)), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%s holds no count: %w", filepath.Join(dir, countFile), err)
	}
	return &count{dir: dir, value: value}, nil
}

// get returns the count.
func (c *count) get() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value
}

// increment adds one and returns the new count, which is on disk by then.
func (c *count) increment() (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.store(c.value + 1); err != nil {
		return 0, err
	}
	c.value++
	return c.value, nil
}

// store replaces the file in one step, so that a crash leaves the old count or
// the new one and nothing else.
func (c *count) store(value uint64) error {
	if c.dir == "" {
		return nil
	}
	path := filepath.Join(c.dir, countFile)
	if err := writeSynced(path+".new", strconv.FormatUint(value, 10)+"\n"); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(c.dir)
}

func writeSynced(path, content string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.WriteString(content); err != nil {
		return err
	}
	return file.Sync()
}

// syncDir makes a rename in dir last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
