package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"ordinal.dev/ordinal/internal/cluster"
	"ordinal.dev/ordinal/internal/cluster/instance"
	"ordinal.dev/ordinal/internal/cluster/layout"
	"ordinal.dev/ordinal/internal/signals"
)

type downOptions struct {
	purge, yes bool
	kubeconfig string
}

func (r *root) newDown() *cobra.Command {
	var o downOptions
	c := &cobra.Command{
		Use:   "down",
		Short: "Stop the cluster; data stays",
		Long: `Stop all pods, each within its grace period, then every part of the cluster, and leave
nothing of it on the machine but the data directory and the context in the kubeconfig.
Until the last pod has stopped, the API server, names and Services answer. The next
"ordinal up" brings every pod back with its data.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return signals.Until(c.Context(), func(ctx context.Context) error { return r.down(ctx, o) })
		},
	}
	c.Flags().BoolVar(&o.purge, "purge", false, "also delete the data directory, after asking")
	c.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
	c.Flags().StringVar(&o.kubeconfig, "kubeconfig", userKubeconfig(), `kubeconfig that --purge removes the context "ordinal" from; "" for none`)
	return c
}

func (r *root) down(ctx context.Context, o downOptions) error {
	l, err := r.layout()
	if err != nil {
		return err
	}
	data, remains, err := cluster.Find(l)
	if err != nil {
		return err
	}
	if !data && !remains {
		fmt.Fprintf(r.out, "There is no cluster in %s; nothing to do.\n", l.Root)
		return nil
	}
	if o.purge && !o.yes {
		if err := r.confirmPurge(l); err != nil {
			return err
		}
	}
	forget := forgetKubeconfig(l, o.kubeconfig)
	syscall.Umask(0o022) // as at up: other users may ask how the cluster does
	began := time.Now()
	if err := r.takeDown(ctx, l, o.purge); err != nil {
		return err
	}
	if !o.purge {
		fate := "is kept in " + l.Root + "; `ordinal up` continues from it"
		if !data {
			fate = "in " + l.Root + " had been deleted before"
		}
		fmt.Fprintf(r.out, "Stopped in %.1fs. The data %s.\n", time.Since(began).Seconds(), fate)
		return nil
	}
	if err := forget(); err != nil {
		fmt.Fprintf(r.err, "The context stays in the kubeconfig: %v\n", err)
	}
	fmt.Fprintf(r.out, "Stopped in %.1fs, and deleted the data in %s.\n", time.Since(began).Seconds(), l.Root)
	if left, err := os.ReadDir(l.Root); err == nil && len(left) > 0 {
		fmt.Fprintf(r.out, "Left what is not the cluster's: %s.\n", left[0].Name())
	}
	return nil
}

// takeDown ends the cluster's process, and removes what it leaves on the machine.
func (r *root) takeDown(ctx context.Context, l layout.Layout, purge bool) error {
	for {
		if err := r.stopProcess(ctx, l); err != nil {
			return err
		}
		if data, remains, err := cluster.Find(l); err == nil && !data && !remains {
			return nil // somebody else has, and deleted the data
		}
		err := cluster.Teardown(ctx, l, purge, func(what string) { fmt.Fprintf(r.out, "  %s\n", instance.Doing(what)) })
		switch {
		case errors.As(err, new(*instance.InUse)): // somebody else was faster, and is waited for
		case err != nil:
			return fmt.Errorf("the cluster is not all down and gone; mend this, and run it again as root: %w", err)
		default:
			return nil
		}
	}
}

func (r *root) confirmPurge(l layout.Layout) error {
	if !term.IsTerminal(int(r.in.Fd())) {
		return fmt.Errorf("--purge deletes everything in %s and there is no terminal to ask on: add --yes if that is meant", l.Root)
	}
	fmt.Fprintf(r.out, "This deletes the cluster and all volumes in %s. Type yes to go on: ", l.Root)
	answer, _ := bufio.NewReader(r.in).ReadString('\n')
	if strings.TrimSpace(answer) != "yes" {
		return errors.New("nothing was changed")
	}
	return nil
}

// stopProcess asks the cluster's process to end, and shows what it does meanwhile. One that
// is stopping already, as another `down` is, is waited for.
func (r *root) stopProcess(ctx context.Context, l layout.Layout) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	asked, shown := 0, stopping{out: r.out}
	for instance.Alive(l) {
		s, err := instance.Read(l)
		switch pid, role := instance.Holder(l); {
		case role == instance.Down || err == nil && s.Phase == instance.Stopping && s.PID == pid:
			if asked != pid {
				asked = pid
				fmt.Fprintf(r.out, "  … process %d is stopping the cluster already; waiting for that\n", pid)
			}
		case pid == 0:
			return fmt.Errorf("the cluster in %s runs, but %s does not say as which process", l.Root, l.PIDFile())
		case asked != pid:
			asked = pid
			if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("asking process %d to end (is it another user's? use sudo): %w", pid, err)
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("interrupted; the cluster goes on stopping: run `ordinal down` again to wait for that, and to clear the machine")
		case <-tick.C:
		}
		shown.show(s)
	}
	if s, err := instance.Read(l); err == nil && asked != 0 {
		shown.show(s)
	}
	return nil
}

// stopping shows how far a process is with stopping the cluster, each line once.
type stopping struct {
	out        io.Writer
	pid, shown int
}

func (p *stopping) show(s instance.State) {
	if s.PID != p.pid {
		p.pid, p.shown = s.PID, 0
	}
	for ; p.shown < len(s.Progress); p.shown++ {
		fmt.Fprintf(p.out, "  %s\n", s.Progress[p.shown])
	}
}
