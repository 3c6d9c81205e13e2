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

// Alone gives all tests of a package one cluster, which run starts: this machine
// has room for one, so that another is set aside meanwhile. The cluster is taken
// down afterwards, and must leave nothing on the machine as it was untouched. It
// returns run's exit code.
func Alone(run func(c Cluster, untouched Machine) (int, error)) (code int, err error) {
	binary, err := Binary()
	if err != nil {
		return 0, err
	}
	goOn, err := SetAside(binary)
	if err != nil {
		return 0, err
	}
	defer goOn()
	dir, err := os.MkdirTemp("", "ordinal-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	untouched, err := Look(dir)
	if err != nil {
		return 0, err
	}
	c := Cluster{Binary: binary, Dir: dir}
	OnInterrupt(func() { _ = c.down(); goOn() })
	code, err = run(c, untouched)
	if downErr := c.down(); err == nil {
		err = downErr
	}
	if err != nil {
		return 0, err
	}
	return code, untouched.NothingLeft(dir)
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
