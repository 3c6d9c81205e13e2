package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/test/rig"
)

// expectSentence wants a single line that holds every one of these texts.
func expectSentence(t *testing.T, said string, texts ...string) {
	t.Helper()
	said = strings.TrimSpace(said)
	if strings.Contains(said, "\n") {
		t.Errorf("more than a sentence is said:\n%s", said)
	}
	for _, text := range texts {
		if !strings.Contains(said, text) {
			t.Errorf("it does not say %q but: %s", text, said)
		}
	}
}

// expectMistake runs a command that must fail with one sentence.
func expectMistake(t *testing.T, c rig.Cluster, args []string, texts ...string) {
	t.Helper()
	said, err := c.Try(args...)
	if err == nil {
		t.Errorf("ordinal %s succeeds", strings.Join(args, " "))
	}
	expectSentence(t, said, texts...)
}

func TestManifestsThatCannotWorkAreRefusedInASentence(t *testing.T) {
	s := newScene(t)
	edited := func(old, changed string) string {
		manifest, err := os.ReadFile(specification)
		s.Must(err)
		path := filepath.Join(t.TempDir(), "statefulset.yaml")
		s.Must(os.WriteFile(path, bytes.Replace(manifest, []byte(old), []byte(changed), 1), 0o644))
		return path
	}
	for name, test := range map[string]struct {
		path string
		says []string
	}{
		"the specification as printed": {"testdata/as-printed.yaml", []string{"as-printed.yaml", "line 17"}},
		"a selector that misses":       {edited("app: my-app", "app: other"), []string{"selector", "does not match"}},
		"negative replicas":            {edited("replicas: 3", "replicas: -3"), []string{"spec.replicas", "greater than or equal to 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			expectMistake(t, lab, s.inNamespace([]string{"apply", "-f", test.path}), test.says...)
		})
	}
	if pods := s.Pods(); len(pods) > 0 {
		t.Errorf("pods were made of a manifest that was refused: %d", len(pods))
	}
}

func TestAnImageThatCannotBeFoundIsNamed(t *testing.T) {
	s := specificationScene(t)
	s.kubectl("set", "image", "sts/"+theSet, "my-container=registry.invalid/no-such-image")
	s.Eventually(s.warned("registry.invalid/no-such-image"))

	t.Log("and a good image heals it")
	s.kubectl("set", "image", "sts/"+theSet, "my-container=my-image:2")
	s.kubectl("rollout", "status", "sts/"+theSet, "--timeout=60s")
	s.allRun("my-image:2")
}

func TestAClaimThatNoClassCanServeIsNamed(t *testing.T) {
	s := newScene(t)
	manifest, err := os.ReadFile(specification)
	s.Must(err)
	path := filepath.Join(t.TempDir(), "statefulset.yaml")
	s.Must(os.WriteFile(path, append(manifest, "            storageClassName: no-such-class\n"...), 0o644))
	s.kubectl("apply", "-f", path)
	s.Eventually(s.warned("no-such-class"))
}

func TestANetworkThatTheMachineHasIsNotTaken(t *testing.T) {
	another := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "ordinal-test"}}
	if err := netlink.LinkAdd(another); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := netlink.LinkDel(another); err != nil {
			t.Error(err)
		}
	})
	address, err := netlink.ParseAddr("10.85.7.1/24")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(netlink.AddrAdd(another, address), netlink.LinkSetUp(another)); err != nil {
		t.Fatal(err)
	}
	c := rig.Cluster{Binary: lab.Binary, Dir: rig.Dir(t)}
	for _, flag := range []string{"--pod-cidr", "--service-cidr"} {
		expectMistake(t, c, []string{"up", "--kubeconfig", "", flag, "10.85.0.0/16"}, "10.85.7.0/24 of ordinal-test", flag)
	}
}

// warned objects until a Warning event has this text.
func (s *scene) warned(text string) func() error {
	return func() error {
		for _, e := range s.Events() {
			if e.Type == corev1.EventTypeWarning && strings.Contains(e.Message, text) {
				return nil
			}
		}
		return fmt.Errorf("no Warning event names %s", text)
	}
}

func TestImagesThatAreNoneAreRefusedInASentence(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	whole, err := os.ReadFile("../../bin/my-image.tar")
	if err != nil {
		t.Fatalf("`make image` builds it: %v", err)
	}
	for name, path := range map[string]string{
		"truncated": file("truncated.tar", whole[:len(whole)/2]),
		"foreign":   file("foreign.tar", []byte("this is a letter, not an image\n")),
		"absent":    filepath.Join(dir, "absent.tar"),
	} {
		t.Run(name, func(t *testing.T) {
			expectMistake(t, lab, []string{"load", path}, filepath.Base(path))
		})
	}
	if images := lab.Run(t, "images"); !strings.Contains(images, "my-image") {
		t.Errorf("what was loaded before is lost:\n%s", images)
	}
}

func TestDataDirectoriesThatCannotServeAreRefusedInASentence(t *testing.T) {
	notADirectory := filepath.Join(rig.Dir(t), "file")
	foreign := rig.Dir(t)
	for path, content := range map[string]string{notADirectory: "", filepath.Join(foreign, "version"): "999\n"} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		dir  string
		says string
	}{
		"not writable":         {filepath.Join(notADirectory, "data"), "not usable"},
		"of another version":   {foreign, "999"},
		"beside a running one": {rig.Dir(t), lab.Dir},
	} {
		t.Run(name, func(t *testing.T) {
			other := rig.Cluster{Binary: lab.Binary, Dir: test.dir}
			expectMistake(t, other, []string{"up", "--kubeconfig", ""}, test.says)
		})
	}
}

func TestAFullDiskIsNamed(t *testing.T) {
	dir := rig.Dir(t)
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	small := rig.Cluster{Binary: lab.Binary, Dir: dir}
	said, err := small.Try("up", "--kubeconfig", "", "--nodes", "simulated", "--api-port", "0")
	if err == nil || !strings.Contains(said, "no space left") && !strings.Contains(said, "full") {
		t.Errorf("on a full disk `ordinal up` says (%v):\n%s", err, said)
	}
}
