package rig

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Start gives a test a running cluster of its own in dir, an empty directory,
// with the images that its pods need. At the test's end the cluster is taken down
// and must leave nothing on the machine; when the test has failed, the logs are
// kept.
func Start(t *testing.T, binary, dir string, images ...string) Cluster {
	t.Helper()
	untouched, err := Look(dir)
	if err != nil {
		t.Fatal(err)
	}
	c := Cluster{Binary: binary, Dir: dir}
	t.Cleanup(func() {
		if t.Failed() {
			c.keepLogs(t)
		}
		if err := c.down(); err != nil {
			t.Error(err)
		}
		if err := untouched.NothingLeft(dir); err != nil {
			t.Error(err)
		}
	})
	if err := c.Up(images...); err != nil {
		t.Fatal(err)
	}
	return c
}

// Dir is a directory whose path leaves room for those of sockets, which
// t.TempDir does not.
func Dir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ordinal-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// keepLogs saves the logs from the end of the test.
func (c Cluster) keepLogs(t *testing.T) {
	kept, err := os.MkdirTemp("", "ordinal-failed-")
	if err != nil {
		t.Error(err)
		return
	}
	for from, to := range map[string]string{"logs": "logs", "pod-logs": "pod-logs", "run/state.json": "state.json"} {
		from := filepath.Join(c.Dir, from)
		if info, err := os.Stat(from); err == nil && info.IsDir() {
			err = os.CopyFS(filepath.Join(kept, to), os.DirFS(from))
			if err != nil {
				t.Log(fmt.Errorf("keeping the logs: %w", err)) // pods' logs may go as they are copied
			}
		} else if data, err := os.ReadFile(from); err == nil {
			_ = os.WriteFile(filepath.Join(kept, to), data, 0o600)
		}
	}
	t.Logf("the cluster's logs are kept in %s", kept)
}
