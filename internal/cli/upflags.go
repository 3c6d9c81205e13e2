package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ordinal.dev/ordinal/internal/cluster/config"
	"ordinal.dev/ordinal/internal/cluster/layout"
	"ordinal.dev/ordinal/internal/signals"
)

// upOptions are up's flags as typed by the user.
type upOptions struct {
	cfg                  config.Config
	podCIDR, serviceCIDR string
	nodes                string
	kubeconfig           string
	foreground           bool
	detached, again      bool
	noController         bool // is what controllerFlag was before
}

const (
	controllerFlag   = "statefulset-controller"
	noControllerFlag = "no-controller"
)

const upLong = `Start a Kubernetes on this machine and wait until pods can run.

What is not given is as it was at the last start in this data directory.
It needs root. With --nodes simulated and a --data-dir of yours it needs no
privilege: API, controllers, scheduler and volumes are real, and pods only pretend
to run.`

func (r *root) newUp() *cobra.Command {
	return r.newUpWith(&upOptions{cfg: config.Default()})
}

// newUpWith is the command whose flags are set in o.
func (r *root) newUpWith(o *upOptions) *cobra.Command {
	c := &cobra.Command{
		Use:   "up",
		Short: "Start the cluster",
		Long:  upLong,
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			until := signals.Until
			if o.foreground || o.detached {
				until = signals.UntilFirst
			}
			return until(c.Context(), func(ctx context.Context) error { return r.up(ctx, o, c.Flags().Changed) })
		},
	}
	f := c.Flags()
	f.BoolVar(&o.foreground, "foreground", false, "stay in the foreground, as systemd wants it; Ctrl-C stops everything")
	f.StringVar(&o.nodes, "nodes", "machine", "machine: this one; simulated or simulated=N: nodes that only pretend to run pods")
	f.StringVar(&o.podCIDR, "pod-cidr", o.cfg.PodCIDR.String(), "network of the pods")
	f.StringVar(&o.serviceCIDR, "service-cidr", o.cfg.ServiceCIDR.String(), "network of ClusterIP Services")
	f.StringVar(&o.cfg.Domain, "domain", o.cfg.Domain, "DNS domain of the cluster")
	f.IntVar(&o.cfg.APIPort, "api-port", o.cfg.APIPort, "port of the API server")
	f.IntVar(&o.cfg.KubeletPort, "kubelet-port", o.cfg.KubeletPort, "port of the kubelet")
	f.IntVar(&o.cfg.ImagesPort, "images-port", o.cfg.ImagesPort, "port from which containerd gets loaded images")
	f.StringVar(&o.cfg.StatefulSetController, controllerFlag, o.cfg.StatefulSetController,
		"who looks after StatefulSets: ordinal; in-tree, kube-controller-manager's own, to compare with; or none, to run one of yours")
	f.BoolVar(&o.noController, noControllerFlag, false, "--"+controllerFlag+" none")
	f.StringVar(&o.cfg.AuditPolicy, "audit-policy", "", "file that says what the API server records, with --audit-log")
	f.StringVar(&o.cfg.AuditLog, "audit-log", "", "file to which the API server writes its record")
	f.StringVar(&o.kubeconfig, "kubeconfig", userKubeconfig(), `kubeconfig to add the context "ordinal" to, as the current one; "" for none`)
	f.BoolVar(&o.detached, "detached", false, "run as the background process of up")
	f.BoolVar(&o.again, "again", false, "run in the place of a background process that has ended")
	_ = errors.Join(f.MarkHidden("detached"), f.MarkHidden("again"),
		f.MarkDeprecated(noControllerFlag, fmt.Sprintf("use --%s %s", controllerFlag, config.None)))
	return c
}

// complete parses what flags carry as text, and takes the rest from the last
// start.
func (o *upOptions) complete(l layout.Layout, given func(flag string) bool) error {
	cfg, err := config.Saved(l)
	if err != nil {
		return err
	}
	for flag, take := range map[string]func() error{
		"pod-cidr":     func() error { return parseNetwork(&cfg.PodCIDR, "--pod-cidr", o.podCIDR) },
		"service-cidr": func() error { return parseNetwork(&cfg.ServiceCIDR, "--service-cidr", o.serviceCIDR) },
		"nodes":        func() error { return parseNodes(&cfg.SimulatedNodes, o.nodes) },
		"domain":       func() error { cfg.Domain = o.cfg.Domain; return nil },
		"api-port":     func() error { cfg.APIPort = o.cfg.APIPort; return nil },
		"kubelet-port": func() error { cfg.KubeletPort = o.cfg.KubeletPort; return nil },
		"images-port":  func() error { cfg.ImagesPort = o.cfg.ImagesPort; return nil },
		controllerFlag: func() error { cfg.StatefulSetController = o.cfg.StatefulSetController; return nil },
		"audit-policy": func() error { return absolute(&cfg.AuditPolicy, o.cfg.AuditPolicy) },
		"audit-log":    func() error { return absolute(&cfg.AuditLog, o.cfg.AuditLog) },
	} {
		if given(flag) {
			if err := take(); err != nil {
				return err
			}
		}
	}
	if given(noControllerFlag) {
		if err := o.withoutController(&cfg, given(controllerFlag)); err != nil {
			return err
		}
	}
	o.cfg = cfg
	return nil
}

// withoutController takes the older flag for what it means now.
func (o *upOptions) withoutController(cfg *config.Config, both bool) error {
	means := config.Ordinal
	if o.noController {
		means = config.None
	}
	if both && cfg.StatefulSetController != means {
		return fmt.Errorf("--%s=%t and --%s %s contradict each other: give the second alone", noControllerFlag, o.noController, controllerFlag, cfg.StatefulSetController)
	}
	cfg.StatefulSetController = means
	return nil
}

// absolute makes a path mean the same at the next start, from elsewhere.
func absolute(to *string, path string) (err error) {
	if *to = path; path != "" {
		*to, err = filepath.Abs(path)
	}
	return err
}

func parseNetwork(to *netip.Prefix, flag, text string) error {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return fmt.Errorf("%s %q is not a network such as %s", flag, text, *to)
	}
	*to = p.Masked()
	return nil
}

func parseNodes(to *int, text string) error {
	kind, count, counted := strings.Cut(text, "=")
	*to = 1
	switch {
	case text == "machine":
		*to = 0
	case kind != "simulated":
		return fmt.Errorf("--nodes %q is not known: use simulated or simulated=N, or machine to run real containers on this one", text)
	case counted:
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 {
			return fmt.Errorf("--nodes %q: N must be a whole number of at least 1", text)
		}
		*to = n
	}
	return nil
}
