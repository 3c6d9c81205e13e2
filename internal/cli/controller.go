package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"ordinal.dev/ordinal/internal/controller"
	"ordinal.dev/ordinal/internal/signals"
)

// newController is what ordinal-controller is, for those who have this binary.
func (r *root) newController() *cobra.Command {
	options := controller.DefaultOptions()
	options.LeaderElection = true
	var kubeconfig string
	c := &cobra.Command{
		Use:   "controller",
		Short: "Run the StatefulSet controller against any cluster",
		Long: `Run the StatefulSet controller against a cluster in which the in-tree one is off
(kube-controller-manager --controllers=*,-statefulset-controller).`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			if err != nil {
				return fmt.Errorf("there is no cluster to run against, give --kubeconfig: %w", err)
			}
			options.Logger = klog.Background()
			return signals.Until(c.Context(), func(ctx context.Context) error { return controller.Run(ctx, config, options) })
		},
	}
	c.Flags().StringVar(&kubeconfig, "kubeconfig", "", "file that says which cluster; empty for the one this runs in")
	options.AddFlags(c.Flags())
	return c
}
