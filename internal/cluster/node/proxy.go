package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync/atomic"

	"github.com/spf13/pflag"
	"k8s.io/kubernetes/cmd/kube-proxy/app"
)

// Proxy is kube-proxy: ClusterIP Services, by nftables.
type Proxy struct {
	Kubeconfig string
	PodCIDR    netip.Prefix
	up         atomic.Bool
}

// Name implements supervisor.Part.
func (p *Proxy) Name() string { return "kube-proxy" }

// Ready implements supervisor.Part.
func (p *Proxy) Ready(context.Context) error {
	if !p.up.Load() {
		return errors.New("not configured yet")
	}
	return nil
}

// Run implements supervisor.Part. Upstream keeps the configuration private;
// flags on a set of our own are the way to it.
func (p *Proxy) Run(ctx context.Context) error {
	o := app.NewOptions()
	flags := pflag.NewFlagSet("kube-proxy", pflag.ContinueOnError)
	flags.SetOutput(io.Discard) // one flag below is deprecated, and has no other way
	o.AddFlags(flags)
	if err := flags.Parse([]string{
		"--kubeconfig=" + p.Kubeconfig,
		"--hostname-override=" + Name,
		"--proxy-mode=nftables",
		"--cluster-cidr=" + p.PodCIDR.String(),
		// Nothing of ours listens, or changes the kernel, beyond need.
		"--healthz-port=0",
		"--metrics-bind-address=127.0.0.1:10249", // it must have one, which no pod needs to reach
		"--conntrack-max-per-core=0", "--conntrack-min=0",
		"--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0",
	}); err != nil {
		return err
	}
	if err := o.Complete(flags); err != nil {
		return fmt.Errorf("configuring: %w", err)
	}
	if err := o.Validate(); err != nil {
		return fmt.Errorf("configuring: %w", err)
	}
	p.up.Store(true)
	failed := make(chan error, 1)
	go func() { failed <- o.Run(ctx) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done(): // upstream's Run does not end with it
		return nil
	}
}
