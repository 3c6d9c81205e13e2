package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"ordinal.dev/ordinal/internal/ociimage"
	"ordinal.dev/ordinal/test/world"
)

// A cluster is a data directory and the program that works on it.
type cluster struct {
	binary string
	dir    string // "" is the program's own default
	path   string // the PATH it runs with, "" is this process's
}

func (c cluster) command(args ...string) *exec.Cmd {
	cmd := exec.Command(c.binary, args...)
	cmd.Env = append(os.Environ(), "GOGC=") // make sets it for the compiler
	if c.dir != "" {
		cmd.Env = append(cmd.Env, "ORDINAL_DATA_DIR="+c.dir)
	}
	if c.path != "" {
		cmd.Env = append(cmd.Env, "PATH="+c.path)
	}
	return cmd
}

// try runs a command and returns all that it printed.
func (c cluster) try(args ...string) (string, error) {
	out, err := c.command(args...).CombinedOutput()
	return string(out), err
}

// run runs a command that must succeed, and returns what it printed to stdout.
func (c cluster) run(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := c.command(args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("ordinal %s: %v\n%s%s", strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

type status struct {
	DataDir string   `json:"dataDir"`
	Alive   bool     `json:"alive"`
	PID     int      `json:"pid"`
	Notes   []string `json:"notes"`
}

func (c cluster) status() (status, error) {
	out, err := c.command("status", "-o", "json").Output()
	if err != nil {
		return status{}, fmt.Errorf("ordinal status: %w", err)
	}
	var s status
	return s, json.Unmarshal(out, &s)
}

// loadCounter loads examples/counter under the given name.
func (c cluster) loadCounter(name string) error {
	image, err := ociimage.Build("../../bin/counter", "tar", "test")
	if err != nil {
		return fmt.Errorf("making the image of the counter (`make image` compiles it): %w", err)
	}
	path := filepath.Join(c.dir, "counter.tar")
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer os.Remove(path)
	defer file.Close()
	if err := ociimage.Write(file, image, name); err != nil {
		return err
	}
	if out, err := c.try("load", path); err != nil {
		return fmt.Errorf("ordinal load: %w\n%s", err, out)
	}
	return nil
}

// A scene is a test's namespace on the cluster under test, with kubectl.
type scene struct{ *world.World }

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{world.New(t, administrator(t))}
	// What one test ran must not slow down the next.
	t.Cleanup(func() { lab.run(t, "kubectl", "delete", "namespace", s.Namespace, "--wait=false") })
	return s
}

// again is the same namespace, watched anew after the API server was away.
func (s *scene) again() *scene {
	s.Helper()
	return &scene{world.In(s.T, administrator(s.T), s.Namespace)}
}

func administrator(t *testing.T) kubernetes.Interface {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(lab.dir, "kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// kubectl runs a command in the scene's namespace; it must succeed.
func (s *scene) kubectl(args ...string) string {
	s.Helper()
	return lab.run(s.T, s.inNamespace(args)...)
}

func (s *scene) inNamespace(args []string) []string {
	return append([]string{"kubectl", "--namespace", s.Namespace}, args...)
}

// inPod runs the counter's program in a pod.
func (s *scene) inPod(pod string, args ...string) string {
	s.Helper()
	return s.kubectl(append([]string{"exec", pod, "--", "counter"}, args...)...)
}

// post adds one to the count of a pod; count reads it. Both return it.
func (s *scene) post(pod string) uint64  { s.Helper(); return s.ask("post", pod) }
func (s *scene) count(pod string) uint64 { s.Helper(); return s.ask("get", pod) }

func (s *scene) ask(method, pod string) uint64 {
	s.Helper()
	var answer struct {
		Hostname string `json:"hostname"`
		Count    uint64 `json:"count"`
	}
	s.Must(json.Unmarshal([]byte(s.inPod(pod, method, "http://localhost:8080/count")), &answer))
	if answer.Hostname != pod {
		s.Fatalf("%s says that it is %s", pod, answer.Hostname)
	}
	return answer.Count
}
