package arena

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// AdminKubeconfig is an administrator's.
func (c *Cluster) AdminKubeconfig() string { return c.path("kubeconfig") }

// Kubectl runs the kubectl of the cluster's version as an administrator, and returns what
// it prints.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	return c.Tool(ctx, c.ordinal, append([]string{"kubectl"}, args...)...)
}

// Tool runs another program as an administrator, and returns what it prints.
func (c *Cluster) Tool(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(environment(), "ORDINAL_DATA_DIR="+c.dir, "KUBECONFIG="+c.AdminKubeconfig(),
		"HELM_CACHE_HOME="+c.path("helm"), "HELM_CONFIG_HOME="+c.path("helm"), "HELM_DATA_HOME="+c.path("helm"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}
