package node

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOnlyAShimWithoutABundleIsStray(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "known"), 0o700); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]bool{
		"shim -namespace k8s.io -id known -address /run/containerd.sock":         false,
		"shim -namespace k8s.io -id gone -address /run/containerd.sock":          true,
		"shim -namespace k8s.io -id gone -address /run/containerd.sock start":    false,
		"shim -namespace k8s.io -address /run/c.sock -id gone -bundle /b delete": false,
		"shim -namespace k8s.io -address /run/containerd.sock":                   false,
		"shim -namespace k8s.io -id":                                             false,
		"":                                                                       false,
	} {
		if got := isStray(bytes.Split([]byte(strings.ReplaceAll(args, " ", "\x00")), []byte{0}), dir); got != want {
			t.Errorf("%q is stray: %t, want %t", args, got, want)
		}
	}
}
