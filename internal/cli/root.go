// Package cli is the command line: it reads flags, calls the packages that do
// the work, and shows what they say. A mistake gets one sentence on stderr
// with the fix in it, and a non-zero exit.
package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"ordinal.dev/ordinal/internal/cluster/config"
	"ordinal.dev/ordinal/internal/cluster/layout"
	"ordinal.dev/ordinal/internal/plugin"
	"ordinal.dev/ordinal/internal/version"
)

// streams are the process's, injected so that commands can be tested.
type streams struct {
	in       *os.File
	out, err *os.File
}

// root carries what all commands share.
type root struct {
	streams
	dataDir string
}

// errSaid ends the process with 1 where everything was said already.
var errSaid = plugin.ErrSaid

// Run runs the command line and returns the exit code.
func Run(args []string, in, out, errs *os.File) int {
	r := &root{streams: streams{in, out, errs}}
	name, command := "ordinal", r.command()
	if filepath.Base(args[0]) == plugin.Binary {
		name, command = "kubectl ordinal", r.plugin()
	}
	command.SetArgs(args[1:])
	command.SetIn(in)
	command.SetOut(out)
	command.SetErr(errs)
	err := command.ExecuteContext(context.Background())
	code, said := plugin.ExitCode(err)
	if !said {
		fmt.Fprintln(errs, name+": "+err.Error())
	}
	return code
}

func (r *root) command() *cobra.Command {
	// cobra would take over what upstream's packages register for all programs, among
	// them a --version of another kind.
	pflag.CommandLine = pflag.NewFlagSet("", pflag.ContinueOnError)
	c := &cobra.Command{
		Use:   "ordinal",
		Short: "Ordinal runs stateful applications",
		Long: `Ordinal runs stateful applications: a Kubernetes on this machine, in one binary,
whose StatefulSets behave.

  ordinal up                              start it
  ordinal plan -f statefulset.yaml        what would happen if that was applied
  ordinal kubectl apply -f statefulset.yaml
  ordinal watch sts/NAME                  follow a rollout
  ordinal down                            stop it; data stays`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version.Ordinal(),
	}
	c.AddCommand(r.machine()...)
	c.AddCommand(r.newStatus(), r.newKubectl(), newVersion())
	c.AddCommand(plugin.Commands(r.env("ordinal", r.aim))...)
	r.addDataDir(c)
	return c
}

// machine is the commands on this machine's cluster that have one name wherever they are.
func (r *root) machine() []*cobra.Command {
	return []*cobra.Command{r.newUp(), r.newDown(), r.newLoad(), r.newImages(), r.newUnload(), r.newController()}
}

// plugin is what this program is as kubectl-ordinal on the PATH: the plugin for any
// cluster, as the small program of that name is, and the commands on this machine's.
func (r *root) plugin() *cobra.Command {
	c := plugin.Root(r.env("kubectl ordinal", nil))
	c.AddCommand(r.machine()...)
	r.addDataDir(c)
	return c
}

func (r *root) env(program string, aim func(*genericclioptions.ConfigFlags) (bool, error)) plugin.Env {
	return plugin.Env{Out: r.out, Err: r.err, Program: program, Aim: aim}
}

// aim points commands for any cluster at this machine's, and reports whether StatefulSets
// are Ordinal's there.
func (r *root) aim(flags *genericclioptions.ConfigFlags) (bool, error) {
	l, err := r.layout()
	if err != nil {
		return false, err
	}
	saved, err := config.Saved(l)
	ours := err != nil || saved.StatefulSetController == config.Ordinal // only root can read it
	return ours, aim(flags, l)
}

func (r *root) addDataDir(c *cobra.Command) {
	dir := config.Default().DataDir
	if env := os.Getenv("ORDINAL_DATA_DIR"); env != "" {
		dir = env
	}
	c.PersistentFlags().StringVar(&r.dataDir, "data-dir", dir, "where the cluster keeps everything (or set ORDINAL_DATA_DIR)")
}

// layout is the data directory as an absolute path without symbolic links: by it the
// kernel names the cluster's programs and mounts.
func (r *root) layout() (layout.Layout, error) {
	dir, err := filepath.Abs(r.dataDir)
	if err != nil {
		return layout.Layout{}, err
	}
	return layout.Layout{Root: resolved(dir)}, nil
}

// resolved is a path without the symbolic links in it, as far as it exists; the end of a
// link may be about to be made.
func resolved(path string) string {
	const mostLinks = 40 // as the kernel
	for range mostLinks {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return real
		}
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(resolved(filepath.Dir(path)), to)
		}
		path = to
	}
	dir := filepath.Dir(path)
	if dir == path {
		return path
	}
	return filepath.Join(resolved(dir), filepath.Base(path))
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of Ordinal and of the Kubernetes in it",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(c.OutOrStdout(), "ordinal %s, Kubernetes %s\n", version.Ordinal(), version.Kubernetes())
			return err
		},
	}
}
