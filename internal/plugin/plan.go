package plugin

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"ordinal.dev/ordinal/internal/controller/snapshot"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/plugin/follow"
	"ordinal.dev/ordinal/internal/plugin/handover"
	"ordinal.dev/ordinal/internal/plugin/terminal"
)

// lookAt finds the set that an argument names, and returns how to look at it.
func (a *access) lookAt(arg string) (follow.Look, error) {
	name, err := handover.SetName(arg)
	if err != nil {
		return nil, err
	}
	c, err := a.connect()
	if err != nil {
		return nil, err
	}
	return c.look(name), nil
}

func (c *cluster) look(name string) follow.Look {
	return func(ctx context.Context) (plan.Snapshot, error) {
		s, err := snapshot.Load(ctx, c.client, c.namespace, name, time.Now())
		if apierrors.IsNotFound(err) {
			return s, fmt.Errorf("%w %s in namespace %s; see: kubectl get sts -A", follow.ErrGone, name, c.namespace)
		}
		return s, err
	}
}

func (e Env) newPlan() *cobra.Command {
	var at *access
	c := &cobra.Command{
		Use:   "plan sts/NAME",
		Short: "Say what the controller would do about a StatefulSet now, and why",
		Long: `Say what the controller would do about a StatefulSet now, and why, without doing
it: the plan is made from what the API holds at this moment. What only the running
controller knows is not in it: what its --disable switches off, how long it pauses
after failures, and which writes were refused.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			look, err := at.lookAt(args[0])
			if err != nil {
				return err
			}
			s, err := look(c.Context())
			if err != nil {
				return err
			}
			p := plan.Make(s)
			_, err = fmt.Fprint(e.Out, p.String())
			return err
		},
	}
	at = e.addAccess(c)
	c.ValidArgsFunction = at.completeSet
	return c
}

func (e Env) newWatch() *cobra.Command {
	var (
		at      *access
		timeout time.Duration
	)
	c := &cobra.Command{
		Use:   "watch sts/NAME",
		Short: "Follow a StatefulSet until all of its pods are available, and updated as far as its strategy goes",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			look, err := at.lookAt(args[0])
			if err != nil {
				return err
			}
			ctx := c.Context()
			if timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, timeout)
				defer cancel()
			}
			return follow.Set(ctx, terminal.New(e.Out), look)
		},
	}
	c.Flags().DurationVar(&timeout, "timeout", 0, "give up after this long, such as 5m; 0 for never")
	at = e.addAccess(c)
	c.ValidArgsFunction = at.completeSet
	return c
}
