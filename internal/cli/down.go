package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"ordinal.dev/ordinal/internal/cluster"
	"ordinal.dev/ordinal/internal/cluster/instance"
	"ordinal.dev/ordinal/internal/cluster/layout"
	"ordinal.dev/ordinal/internal/cluster/supervisor"
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
		Long: `Stop all pods gracefully, then every part of the cluster, and leave nothing of it
on the machine but the data directory. The next "ordinal up" brings every pod
back with its data.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return r.down(c.Context(), o) },
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
	began := time.Now()
	if instance.Alive(l) {
		if err := r.stopProcess(ctx, l); err != nil {
			return err
		}
	}
	if err := cluster.Teardown(ctx, l, func(what string) { fmt.Fprintf(r.out, "  … %s\n", what) }); err != nil {
		return fmt.Errorf("some of the cluster could not be taken down; run `ordinal down` again, as root: %w", err)
	}
	if !o.purge {
		fate := "is kept in " + l.Root + "; `ordinal up` continues from it"
		if !data {
			fate = "in " + l.Root + " had been deleted before"
		}
		fmt.Fprintf(r.out, "Stopped in %.1fs. The data %s.\n", time.Since(began).Seconds(), fate)
		return nil
	}
	if err := forgetKubeconfig(l, o.kubeconfig); err != nil {
		fmt.Fprintf(r.err, "The context stays in the kubeconfig: %v\n", err)
	}
	if err := os.RemoveAll(l.Root); err != nil {
		return fmt.Errorf("deleting the data: %w", err)
	}
	fmt.Fprintf(r.out, "Stopped in %.1fs, and deleted %s.\n", time.Since(began).Seconds(), l.Root)
	return nil
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

// stopProcess asks the cluster's process to end, and shows its parts ending.
func (r *root) stopProcess(ctx context.Context, l layout.Layout) error {
	pid := instance.PID(l)
	if pid == 0 {
		return fmt.Errorf("the cluster in %s runs, but %s does not say as which process", l.Root, l.PIDFile())
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return fmt.Errorf("asking process %d to end (is it another user's? use sudo): %w", pid, err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	said := map[string]bool{}
	for instance.Alive(l) {
		select {
		case <-ctx.Done():
			return errors.New("interrupted; the cluster is still stopping")
		case <-tick.C:
		}
		s, err := instance.Read(l)
		if err != nil {
			continue // the next tick reads it
		}
		for _, p := range s.Parts {
			if p.Phase == string(supervisor.Stopped) && !said[p.Name] {
				said[p.Name] = true
				fmt.Fprintf(r.out, "  ✓ stopped %s\n", p.Name)
			}
		}
	}
	return nil
}
