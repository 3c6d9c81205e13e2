package plugin

import (
	"context"
	"errors"
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

// wish is what the flags of plan say is to be changed.
type wish struct {
	files    []string
	replicas int32
	images   []string
	out      output
}

func (e Env) newPlan() *cobra.Command {
	var (
		at *access
		w  wish
	)
	c := &cobra.Command{
		Use:   "plan sts/NAME | -f FILE | sts/NAME --replicas N --image CONTAINER=IMAGE",
		Short: "Say what the controller would do about a StatefulSet, now or after a change, and why",
		Long: `Say what the controller would do about a StatefulSet now, and why, without doing
it: the plan is made from what the API holds at this moment. What only the running
controller knows is not in it: what its --disable switches off, how long it pauses
after failures, and which writes were refused.

With a manifest or a change, say what would happen if that was applied: which pods
restart, in which order and why, what is made and removed, what would be refused or
never finish, and what nothing happens to. The API server says in a dry run what the
objects would be; then the controller's plans are carried out one after the other,
in memory, on pods that start as they should, until nothing is left to do. Nothing is
written. The exit code is 0 for no change, 2 for changes, and 1 for an error and for
what the API server would refuse.`,
		Example: `  kubectl ordinal plan sts/web
  kubectl ordinal plan -f web.yaml
  helm template db ./chart | kubectl ordinal plan -f - -n shop
  kubectl ordinal plan sts/web --replicas 5
  kubectl ordinal plan sts/web --image web=web:2.1 -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			edits := c.Flags().Changed("replicas") || len(w.images) > 0
			switch {
			case len(w.files) > 0 && len(args) > 0:
				return fmt.Errorf("-f beside %q: leave one of them out", args[0])
			case len(w.files) > 0 && edits:
				return errors.New("--replicas and --image change a set that there is: use them with sts/NAME, without -f")
			case len(w.files) > 0:
				return e.planFiles(c, at, w)
			case len(args) == 0:
				return errors.New("name a StatefulSet, sts/NAME, or a manifest, -f FILE")
			case edits:
				return e.planEdit(c, at, args[0], w)
			case w.out != "":
				return fmt.Errorf("-o %s says what a change would do: use it with -f, --replicas or --image", w.out)
			}
			return e.planNow(c.Context(), at, args[0])
		},
	}
	c.Flags().StringArrayVarP(&w.files, "filename", "f", nil, "a manifest, a directory of them, or - for standard input")
	c.Flags().Int32Var(&w.replicas, "replicas", 0, "what if the set had this many replicas")
	c.Flags().StringArrayVar(&w.images, "image", nil, "what if a container had another image: CONTAINER=IMAGE")
	w.out.addTo(c)
	at = e.addAccess(c)
	c.ValidArgsFunction = at.completeSet
	return c
}

// planNow prints what the controller would do now.
func (e Env) planNow(ctx context.Context, at *access, arg string) error {
	look, err := at.lookAt(arg)
	if err != nil {
		return err
	}
	s, err := look(ctx)
	if err != nil {
		return err
	}
	p := plan.Make(s)
	_, err = fmt.Fprint(e.Out, p.String())
	return err
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
