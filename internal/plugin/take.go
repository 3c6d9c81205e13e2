package plugin

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"ordinal.dev/ordinal/internal/controller/snapshot"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/plugin/handover"
	"ordinal.dev/ordinal/internal/plugin/impact"
	"ordinal.dev/ordinal/internal/plugin/terminal"
	"ordinal.dev/ordinal/internal/signals"
)

// handoverTime is how long a controller has by default.
const handoverTime = 2 * time.Minute

func (e Env) newTake() *cobra.Command {
	var (
		at      *access
		dryRun  bool
		timeout time.Duration
		out     output
	)
	c := &cobra.Command{
		Use:   "take NAMESPACE... | sts/NAME... -n NAMESPACE",
		Short: "Have Ordinal run the sets of a namespace, or single ones",
		Long: `Have Ordinal run all sets of a namespace, those that come later among them, or single
ones; and wait until the controller acts there, which it does once it has proven that
the in-tree controller is kept out. No pod restarts by it, and no set is changed.

What is written is a label and annotations of the namespace, and a RoleBinding in it
that lets Ordinal's controller write there. give-back takes both away again.`,
		Example: `  kubectl ordinal take db --dry-run
  kubectl ordinal take db cache
  kubectl ordinal take sts/web -n shop`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cluster, targets, err := at.targets(args)
			if err != nil {
				return err
			}
			if dryRun {
				return e.impactOf(c.Context(), cluster, targets, out)
			}
			if out != "" {
				return fmt.Errorf("-o %s says what would change: use it with --dry-run", out)
			}
			return e.handover(c.Context(), cluster, timeout, func(ctx context.Context, h *handover.Handover) error {
				if err := h.Check(ctx, targets); err != nil {
					return err
				}
				return h.Take(ctx, targets)
			})
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "change nothing, and say what would change")
	c.Flags().DurationVar(&timeout, "timeout", handoverTime, "how long to wait for the controller")
	out.addTo(c)
	at = e.addAccess(c)
	c.ValidArgsFunction = at.completeTargets
	return c
}

func (e Env) newGiveBack() *cobra.Command {
	var (
		at       *access
		all, yes bool
		now      bool
		timeout  time.Duration
	)
	c := &cobra.Command{
		Use:   "give-back NAMESPACE... | sts/NAME... -n NAMESPACE | --all --yes",
		Short: "Have the in-tree controller run sets again",
		Long: `Have the in-tree controller run sets again: Ordinal's controller takes back its
conditions and its marks on Services, and then the label goes. No pod restarts by it,
and no set is changed.`,
		Example: `  kubectl ordinal give-back db
  kubectl ordinal give-back sts/web -n shop
  kubectl ordinal give-back --all --yes`,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case all && len(args) > 0:
				return fmt.Errorf("--all beside %q: leave one of them out", args[0])
			case all && !yes:
				return fmt.Errorf("--all gives back every namespace that is Ordinal's; if that is meant, add --yes")
			case !all && len(args) == 0:
				return fmt.Errorf("name what to give back: NAMESPACE, sts/NAME with -n NAMESPACE, or --all --yes")
			}
			cluster, targets, err := at.targets(args)
			if err != nil {
				return err
			}
			return e.handover(c.Context(), cluster, timeout, func(ctx context.Context, h *handover.Handover) error {
				if all {
					if targets, err = handover.All(ctx, cluster.client); err != nil {
						return err
					}
					if len(targets) == 0 {
						h.Screen.Say("no namespace is Ordinal's, nothing to give back")
					}
				}
				return h.GiveBack(ctx, targets, now)
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "give back everything in the cluster")
	c.Flags().BoolVar(&yes, "yes", false, "with --all: it is meant")
	c.Flags().BoolVar(&now, "now", false, "wait for no controller; Ordinal's conditions stay in the status of sets")
	c.Flags().DurationVar(&timeout, "timeout", handoverTime, "how long to wait for the controller")
	at = e.addAccess(c)
	c.ValidArgsFunction = at.completeTargets
	return c
}

func (a *access) targets(args []string) (*cluster, []handover.Target, error) {
	c, err := a.connect()
	if err != nil {
		return nil, nil, err
	}
	targets, err := handover.Targets(args, c.namespace, c.named)
	return c, targets, err
}

// handover does something that waits for a controller, for as long as that may take and
// until a signal.
func (e Env) handover(ctx context.Context, c *cluster, timeout time.Duration, do func(context.Context, *handover.Handover) error) error {
	return signals.Until(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		i, err := c.installation(ctx)
		if err != nil {
			return err
		}
		screen := terminal.New(e.Out)
		defer screen.Draw(nil)
		return do(ctx, &handover.Handover{Client: c.client, Installation: i, Screen: screen})
	})
}

// impactOf says what taking the targets would change.
func (e Env) impactOf(ctx context.Context, c *cluster, targets []handover.Target, out output) error {
	if err := out.check(); err != nil {
		return err
	}
	all := impact.Impact{Sets: []impact.Set{}}
	for _, t := range targets {
		sets, err := handover.Sets(ctx, c.client, t)
		if err != nil {
			return err
		}
		for _, set := range sets {
			s, err := snapshot.Load(ctx, c.client, set.Namespace, set.Name, time.Now())
			if err != nil {
				return err
			}
			all.Sets = append(all.Sets, impact.Of(s, plan.Make(s)))
		}
	}
	all.Sort()
	text := all.String()
	i, err := c.installation(ctx)
	if err != nil {
		return err
	}
	h := &handover.Handover{Client: c.client, Installation: i}
	if err := h.Check(ctx, targets); err != nil {
		text += fmt.Sprintf("\nNow it could not be taken: %v.\n", err)
	}
	return e.print(out, all, text)
}
