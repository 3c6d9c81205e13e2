package upstream

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"ordinal.dev/ordinal/test/rig"
)

// fenced runs the tests on a cluster whose in-tree controller is on, with Ordinal behind
// the fence, as its chart installs it.
var fenced = flag.Bool("fenced", false, "run the in-tree controller beside, behind the fence")

// A stage is a cluster with both controllers.
type stage struct{ rig.Cluster }

// install puts Ordinal behind the fence, in charge of the tests' namespaces, and of one with
// a set that the in-tree controller has made.
func (s stage) install() error {
	for _, step := range [][]string{
		{"kubectl", "create", "namespace", "taken"},
		{"kubectl", "apply", "-n", "taken", "-f", "taken.yaml"},
		{"kubectl", "rollout", "status", "-n", "taken", "sts/web", "--timeout=2m"},
		{"preflight"},
		{"load", "../../bin/ordinal-controller.tar"},
		{"kubectl", "apply", "-f", "fenced.yaml"},
	} {
		if err := s.do(step...); err != nil {
			return err
		}
	}
	helm := exec.Command("../../bin/tools/helm", "install", "ordinal", "../../charts/ordinal", "--namespace=ordinal-system", "--create-namespace",
		"--set=rbac.allNamespaces=true", "--wait", "--timeout=3m")
	helm.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(s.Dir, "kubeconfig"))
	if out, err := helm.CombinedOutput(); err != nil {
		return fmt.Errorf("helm install: %w\n%s", err, out)
	}
	before, err := s.taken()
	if err != nil {
		return err
	}
	if err := s.do("take", "taken"); err != nil {
		return err
	}
	return s.unchanged(before)
}

// do runs a command that must succeed, and shows what it says.
func (s stage) do(args ...string) error {
	out, err := s.Try(args...)
	fmt.Printf("$ ordinal %s\n%s", strings.Join(args, " "), out)
	if err != nil {
		return fmt.Errorf("ordinal %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// taken are the UIDs of the set that is taken, of its pods and revisions.
func (s stage) taken() (string, error) {
	return s.Try("kubectl", "get", "sts,pods,controllerrevisions", "-n", "taken", "-o", `jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.uid}{"\n"}{end}`)
}

// unchanged returns an error unless all that was there is there still.
func (s stage) unchanged(before string) error {
	now, err := s.taken()
	for line := range strings.Lines(before) {
		if err == nil && !strings.Contains(now, line) {
			err = fmt.Errorf("%sis not there any more, of what was taken; there are\n%s", line, now)
		}
	}
	return err
}

// giveBack gives back what was taken, and has the in-tree controller scale it.
func (s stage) giveBack() error {
	before, err := s.taken()
	if err != nil {
		return err
	}
	if err := s.do("give-back", "taken"); err != nil {
		return err
	}
	if err := s.do("kubectl", "scale", "-n", "taken", "sts/web", "--replicas=3"); err != nil {
		return err
	}
	if err := s.do("kubectl", "rollout", "status", "-n", "taken", "sts/web", "--timeout=2m"); err != nil {
		return err
	}
	return s.unchanged(before)
}

// tellDenied prints how often the fence has denied the in-tree controller a write. It is an
// error if it never has: the tests would have shown nothing.
func (s stage) tellDenied() error {
	out, err := s.Try("kubectl", "get", "--raw", "/metrics")
	if err != nil {
		return fmt.Errorf("the API server's metrics: %w\n%s", err, out)
	}
	denied := 0.0
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "apiserver_validating_admission_policy_check_total{") || !strings.Contains(line, `enforcement_action="deny"`) {
			continue
		}
		var n float64
		if _, err := fmt.Sscan(line[strings.LastIndex(line, " ")+1:], &n); err != nil {
			return fmt.Errorf("the API server's metrics: %q: %w", line, err)
		}
		denied += n
	}
	fmt.Printf("The fence has denied %.0f writes of the in-tree controller.\n", denied)
	if denied == 0 {
		return errors.New("the in-tree controller has not tried anything: it is not there")
	}
	return nil
}
