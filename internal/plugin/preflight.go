package plugin

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/apiclient"
	"ordinal.dev/ordinal/internal/plugin/preflight"
	"ordinal.dev/ordinal/internal/plugin/terminal"
	"ordinal.dev/ordinal/internal/signals"
)

func (e Env) newPreflight() *cobra.Command {
	var (
		at      *access
		out     output
		timeout time.Duration
	)
	c := &cobra.Command{
		Use:   "preflight",
		Short: "Find out whether the in-tree controller can be kept out in this cluster, by trying it",
		Long: `Find out whether the fence can hold in this cluster, by trying it: in a namespace of
its own, with an admission policy that counts in that namespace alone, a set of one
replica must stay without a pod behind the fence, and get one when it is lifted. The
pod is never scheduled. It takes about half a minute, and everything that is made for
it is removed again. The exit code is 0 if the fence can hold, and 1 if not.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(); err != nil {
				return err
			}
			cluster, err := at.connect()
			if err != nil {
				return err
			}
			return signals.Until(c.Context(), func(ctx context.Context) error { return e.preflight(ctx, cluster, timeout, out) })
		},
	}
	c.Flags().DurationVar(&timeout, "timeout", time.Minute, "how long the policy may take to be in force, and the in-tree controller to act")
	out.addTo(c)
	at = e.addAccess(c)
	return c
}

func (e Env) preflight(ctx context.Context, c *cluster, patience time.Duration, out output) error {
	account, err := client.New(apiclient.AsInTree(c.config), client.Options{})
	if err != nil {
		return err
	}
	progress := e.Out
	if out != "" {
		progress = e.Err
	}
	screen := terminal.New(progress)
	trial := &preflight.Trial{Client: c.client, Account: account, Server: c.server, Screen: screen, Patience: patience}
	verdict, err := trial.Run(ctx)
	screen.Draw(nil)
	if err != nil {
		return err
	}
	text := "\n" + verdict.Sentence + ".\n"
	if verdict.Advice != "" {
		text += verdict.Advice + ".\n"
	}
	err = e.print(out, verdict, text)
	if err == nil && !verdict.Holds {
		return ErrSaid
	}
	return err
}

// server says the API server's version, and whether it serves admission policies.
func (c *cluster) server() (version string, served bool, err error) {
	d, err := discovery.NewDiscoveryClientForConfig(c.config)
	if err != nil {
		return "", false, err
	}
	v, err := d.ServerVersion()
	if err != nil {
		return "", false, err
	}
	list, err := d.ServerResourcesForGroupVersion("admissionregistration.k8s.io/v1")
	if apierrors.IsNotFound(err) {
		return v.GitVersion, false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("asking what it serves: %w", err)
	}
	served = slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == "validatingadmissionpolicies" })
	return v.GitVersion, served, nil
}
