package upstream

import (
	"errors"
	"flag"
	"fmt"
	"strings"

	"ordinal.dev/ordinal/test/rig"
)

// fenced runs the tests on a cluster whose in-tree controller is on, with Ordinal as
// install.yaml has it, behind the fence.
var fenced = flag.Bool("fenced", false, "run the in-tree controller beside, behind the fence")

// install puts Ordinal behind the fence in charge of the tests' namespaces.
func install(c rig.Cluster) error {
	for _, step := range [][]string{
		{"load", "../../bin/ordinal-controller.tar"},
		{"kubectl", "apply", "-f", "../../install.yaml", "-f", "fenced.yaml"},
		{"kubectl", "-n", "ordinal-system", "rollout", "status", "deployment/ordinal-controller", "--timeout=2m"},
	} {
		if out, err := c.Try(step...); err != nil {
			return fmt.Errorf("ordinal %s: %w\n%s", strings.Join(step, " "), err, out)
		}
	}
	return nil
}

// tellDenied prints how often the fence has denied the in-tree controller a write. It is an
// error if it never has: the tests would have shown nothing.
func tellDenied(c rig.Cluster) error {
	out, err := c.Try("kubectl", "get", "--raw", "/metrics")
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
