package integration

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	basecli "k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
)

// asKubectl is set for a process that is the whole of kubectl, as the binary `ordinal` has
// it, and no test. kubectl ends its process when something fails.
const asKubectl = "ORDINAL_TEST_AS_KUBECTL"

func runKubectl() int { return basecli.Run(kubectl.NewDefaultKubectlCommand()) }

// adminKubeconfig is the file that programs reach the cluster with.
var adminKubeconfig string

// program runs one in the test's namespace, and returns all that it prints.
func (w *scene) program(path string, env []string, args ...string) (string, error) {
	w.Helper()
	home := w.TempDir() // nothing of whoever runs the test
	cmd := exec.CommandContext(w.Ctx, path, append(args, "--namespace", w.Namespace)...)
	cmd.Env = append(env, "PATH="+os.Getenv("PATH"), "HOME="+home, "KUBECONFIG="+adminKubeconfig)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", filepath.Base(path), strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// runsKubectl runs a command of kubectl.
func (w *scene) runsKubectl(args ...string) (string, error) {
	w.Helper()
	return w.program(os.Args[0], []string{asKubectl + "=1", "KUBE_EDITOR=sed -i s/1Gi/4Gi/"}, args...)
}

// says has kubectl succeed.
func (w *scene) says(args ...string) string {
	w.Helper()
	out, err := w.runsKubectl(args...)
	w.Must(err)
	return out
}

// file is one with this text.
func (w *scene) file(text string) string {
	w.Helper()
	dir, err := os.MkdirTemp("", "ordinal-manifest-") // a test's own has its name, and kubectl takes a comma in it for two
	w.Must(err)
	w.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "manifest.yaml")
	w.Must(os.WriteFile(path, []byte(text), 0o600))
	return path
}

// runsHelm runs a Helm of bin/tools.
func (w *scene) runsHelm(program string, args ...string) error {
	w.Helper()
	path := filepath.Join("../../bin/tools", program)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		w.Fatalf("`make integration` builds it: %v", err)
	}
	_, err := w.program(path, nil, args...)
	return err
}
