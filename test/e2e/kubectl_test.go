package e2e

import (
	"archive/tar"
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestKubectlReads(t *testing.T) {
	s := counterScene(t)
	for _, test := range []struct {
		says string
		args []string
	}{
		{"3/3", []string{"get", "sts", "counter"}},
		{"counter-2", []string{"get", "pods", "-o", "name"}},
		{"Volume Claims", []string{"describe", "sts", "counter"}},
		{"counter-0: serving on", []string{"logs", "counter-0"}},
		{"condition met", []string{"wait", "--for=condition=Ready", "pod/counter-0", "--timeout=10s"}},
		{"condition met", []string{"wait", "--for=condition=Available", "sts/counter", "--timeout=10s"}},
		{"podManagementPolicy", []string{"explain", "statefulset.spec"}},
		{"counter", []string{"rollout", "history", "sts/counter"}},
	} {
		t.Run(test.args[0], func(t *testing.T) {
			if out := lab.Run(t, s.inNamespace(test.args)...); !strings.Contains(out, test.says) {
				t.Errorf("kubectl %s does not say %q:\n%s", strings.Join(test.args, " "), test.says, out)
			}
		})
	}
	t.Run("diff", func(t *testing.T) { s.diffShows(t, "replicas: 3", "replicas: 7") })
	t.Run("port-forward", s.portForwards)
}

// diffShows changes the manifest and has kubectl compare it with the cluster's.
func (s *scene) diffShows(t *testing.T, old, changed string) {
	manifest, err := os.ReadFile("../../examples/counter.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "counter.yaml")
	if err := os.WriteFile(path, bytes.Replace(manifest, []byte(old), []byte(changed), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := lab.Try(s.inNamespace([]string{"diff", "-f", path})...)
	if err == nil || !strings.Contains(out, "+  "+changed) {
		t.Errorf("kubectl diff does not show %q and end non-zero (%v):\n%s", changed, err, out)
	}
}

func (s *scene) portForwards(t *testing.T) {
	cmd := lab.Command(s.inNamespace([]string{"port-forward", "counter-0", ":8080"})...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()

	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("kubectl port-forward ended without a word: %v", err)
	}
	var port int
	if _, err := fmt.Sscanf(line, "Forwarding from 127.0.0.1:%d -> 8080", &port); err != nil {
		t.Fatalf("kubectl port-forward says %q", line)
	}
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(body), "counter-0") {
		t.Errorf("through the forwarded port answers %q (%v)", body, err)
	}
}

func TestKubectlCopiesBothWays(t *testing.T) {
	s := counterScene(t)
	dir := t.TempDir()
	there, back := filepath.Join(dir, "there"), filepath.Join(dir, "back")
	s.Must(os.WriteFile(there, []byte("kept\n"), 0o644))
	s.kubectl("cp", there, "counter-0:/data/note")
	s.kubectl("cp", "counter-0:/data/note", back)
	if got, err := os.ReadFile(back); err != nil || string(got) != "kept\n" {
		t.Errorf("what came back is %q (%v)", got, err)
	}
}

// A pod that unpacks what it is sent: it ends well when attach has carried
// all of its input.
const unpacker = `
apiVersion: v1
kind: Pod
metadata: {name: unpack}
spec:
  restartPolicy: Never
  containers:
  - {name: unpack, image: my-image, command: [tar, xf, "-", -C, /tmp], stdin: true, stdinOnce: true}
`

func TestKubectlAttaches(t *testing.T) {
	s := newScene(t)
	manifest := filepath.Join(t.TempDir(), "pod.yaml")
	s.Must(os.WriteFile(manifest, []byte(unpacker), 0o644))
	s.kubectl("apply", "-f", manifest)
	s.Eventually(s.phase("unpack", corev1.PodRunning))

	attach := lab.Command(s.inNamespace([]string{"attach", "-i", "unpack"})...)
	attach.Stdin = oneFileTar(t)
	if out, err := attach.CombinedOutput(); err != nil {
		t.Fatalf("kubectl attach: %v\n%s", err, out)
	}
	s.Eventually(s.phase("unpack", corev1.PodSucceeded))
}

func (s *scene) phase(pod string, phase corev1.PodPhase) func() error {
	return func() error {
		if p := s.Pod(pod); p == nil || p.Status.Phase != phase {
			return fmt.Errorf("the pod %s is not %s", pod, phase)
		}
		return nil
	}
}

func oneFileTar(t *testing.T) io.Reader {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	const content = "sent\n"
	if err := w.WriteHeader(&tar.Header{Name: "note", Mode: 0o644, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &archive
}
