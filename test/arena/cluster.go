package arena

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// The service accounts under which the controllers act, and the kubeconfigs they
// start with. In-tree controllers get their token by themselves. Fenced is Ordinal's
// controller beside the in-tree one, see [Cluster.Fence].
const (
	InTree           = "system:serviceaccount:kube-system:statefulset-controller"
	Ordinal          = "system:serviceaccount:" + accountNamespace + ":" + accountName
	Fenced           = "system:serviceaccount:" + FencedNamespace + ":" + accountName
	InTreeKubeconfig = "controller-manager"
	OurKubeconfig    = "account"
	FencedKubeconfig = "fenced"
)

// auditPolicy records who changed what, for the controllers alone. Events and leases are
// not what a StatefulSet is made of, and to ask for one's permissions changes nothing.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  resources:
  - group: ""
    resources: [events]
  - group: events.k8s.io
  - group: coordination.k8s.io
  - group: authorization.k8s.io
- level: Metadata
  users: ["` + InTree + `", "` + Ordinal + `", "` + Fenced + `"]
  verbs: [create, update, patch, delete, deletecollection]
- level: None
`

// Cluster is a simulated cluster in a directory of its own.
type Cluster struct{ ordinal, dir string }

// Start starts a new cluster with simulated nodes and no StatefulSet controller;
// ordinal is the program, flags are more of `ordinal up`. Stop must be called, whatever
// happens next.
func Start(ctx context.Context, ordinal string, nodes int, flags ...string) (*Cluster, error) {
	ordinal, err := filepath.Abs(ordinal)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(ordinal); err != nil {
		return nil, fmt.Errorf("there is no cluster to start, run `make build` first: %w", err)
	}
	dir, err := os.MkdirTemp("", "ordinal-")
	if err != nil {
		return nil, err
	}
	c, err := Prepare(dir)
	if err != nil {
		return nil, err
	}
	c.ordinal = ordinal
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	err = c.run(ctx, append([]string{"up", "--nodes", fmt.Sprintf("simulated=%d", nodes), "--statefulset-controller", "none",
		"--audit-policy", c.AuditPolicy(), "--audit-log", c.AuditLog(), "--kubeconfig", "", "--api-port", port}, flags...)...)
	if err == nil {
		if err = c.MakeAccounts(ctx); err != nil {
			err = fmt.Errorf("make the account of Ordinal's controller: %w", err)
		}
	}
	if err != nil {
		_ = c.Stop()
		return nil, err
	}
	return c, nil
}

// Prepare prepares a directory for a cluster that somebody else starts and stops. It has to
// record by AuditPolicy in AuditLog, to have its kubeconfigs where Admin and Config look for
// them, and is ready after MakeAccounts.
func Prepare(dir string) (*Cluster, error) {
	c := &Cluster{dir: dir}
	return c, os.WriteFile(c.AuditPolicy(), []byte(auditPolicy), 0o600)
}

// freePort is one that the cluster comes back to when it is started again.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// Restart ends the cluster in order, and starts it again with its data.
func (c *Cluster) Restart(ctx context.Context) error {
	if err := c.run(ctx, "down"); err != nil {
		return err
	}
	return c.run(ctx, "up", "--kubeconfig", "")
}

// Kill kills the cluster's process, and waits until the one that takes its place is up.
func (c *Cluster) Kill(ctx context.Context) error {
	pid, err := c.PID()
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	return c.run(ctx, "up", "--kubeconfig", "")
}

// Stop ends the cluster and removes its data.
func (c *Cluster) Stop() error {
	if err := c.run(context.Background(), "down"); err != nil {
		return err
	}
	return os.RemoveAll(c.dir)
}

// Admin is an administrator's access, without a limit of its own.
func (c *Cluster) Admin() (*rest.Config, error) { return config(c.path("kubeconfig")) }

// Config is the access of one of the cluster's own identities, or of our account.
func (c *Cluster) Config(identity string) (*rest.Config, error) {
	return config(c.Kubeconfig(identity))
}

// Kubeconfig is the file that Config reads.
func (c *Cluster) Kubeconfig(identity string) string {
	return c.path("pki", identity+".kubeconfig")
}

// PID is the id of the cluster's process, which is API server, store, scheduler
// and nodes in one.
func (c *Cluster) PID() (int, error) {
	text, err := os.ReadFile(c.path("run", "ordinal.pid"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

func config(file string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	return config, nil
}

// AuditPolicy and AuditLog are what the API server reads and writes.
func (c *Cluster) AuditPolicy() string { return c.path("audit.yaml") }

// AuditLog is what Record reads.
func (c *Cluster) AuditLog() string { return c.path("audit.log") }

func (c *Cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.dir}, elem...)...)
}

func (c *Cluster) run(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, c.ordinal, args...)
	cmd.Env = append(environment(), "ORDINAL_DATA_DIR="+c.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ordinal %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// Log is a file in the cluster's directory, which goes with it.
func (c *Cluster) Log(name string) string { return c.path(name + ".log") }
