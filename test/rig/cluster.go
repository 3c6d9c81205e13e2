package rig

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"ordinal.dev/ordinal/internal/ociimage"
)

// A Cluster is a data directory and the program that works on it.
type Cluster struct {
	Binary string
	Dir    string   // "" is the program's own default
	Path   string   // the PATH it runs with, "" is this process's
	Flags  []string // of its first start
}

// Command is a command of the program, not started yet.
func (c Cluster) Command(args ...string) *exec.Cmd {
	cmd := exec.Command(c.Binary, args...)
	cmd.Env = append(os.Environ(), "GOGC=") // make sets it for the compiler
	if c.Dir != "" {
		cmd.Env = append(cmd.Env, "ORDINAL_DATA_DIR="+c.Dir)
	}
	if c.Path != "" {
		cmd.Env = append(cmd.Env, "PATH="+c.Path)
	}
	return cmd
}

// Try runs a command and returns all that it printed.
func (c Cluster) Try(args ...string) (string, error) {
	out, err := c.Command(args...).CombinedOutput()
	return string(out), err
}

// Run runs a command that must succeed, and returns what it printed to stdout.
func (c Cluster) Run(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := c.Command(args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("ordinal %s: %v\n%s%s", strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// Up starts the cluster, with what containers need to run the counter under
// each of the given names.
func (c Cluster) Up(images ...string) error {
	if out, err := c.Try(append([]string{"up", "--kubeconfig", ""}, c.Flags...)...); err != nil {
		return fmt.Errorf("ordinal up: %w\n%s", err, out)
	}
	for _, image := range images {
		if err := c.Load("../../bin/counter", image, "tar", "test"); err != nil {
			return err
		}
	}
	return nil
}

// Status is what `ordinal status` says to programs.
type Status struct {
	DataDir string   `json:"dataDir"`
	Alive   bool     `json:"alive"`
	PID     int      `json:"pid"`
	Phase   string   `json:"phase"`
	Error   string   `json:"error"`
	Notes   []string `json:"notes"`
}

// Status asks the program how the cluster does.
func (c Cluster) Status() (Status, error) {
	out, err := c.Command("status", "-o", "json").Output()
	if err != nil {
		return Status{}, fmt.Errorf("ordinal status: %w", err)
	}
	var s Status
	return s, json.Unmarshal(out, &s)
}

// Load loads an image under the given name. It holds a static program, which has
// that name and the links there too.
func (c Cluster) Load(program, name string, links ...string) error {
	command, _, _ := strings.Cut(name, ":")
	image, err := ociimage.Build(program, append(links, command)...)
	if err != nil {
		return fmt.Errorf("making the image %s (`make image` compiles the counter): %w", name, err)
	}
	path := filepath.Join(c.Dir, "image.tar")
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer os.Remove(path)
	defer file.Close()
	if err := ociimage.Write(file, image, name); err != nil {
		return err
	}
	if out, err := c.Try("load", path); err != nil {
		return fmt.Errorf("ordinal load: %w\n%s", err, out)
	}
	return nil
}

// Client is an administrator's. A request without an answer fails after patience,
// a watch too; 0 is for ever.
func (c Cluster) Client(patience time.Duration) (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(c.Dir, "kubeconfig"))
	if err != nil {
		return nil, err
	}
	config.Timeout = patience
	config.QPS = -1 // the server says when it is too much
	return kubernetes.NewForConfig(config)
}
