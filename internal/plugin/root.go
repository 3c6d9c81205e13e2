package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"ordinal.dev/ordinal/internal/version"
)

// Binary is the program's file name, by which kubectl finds it.
const Binary = "kubectl-ordinal"

var (
	// ErrSaid ends a program with 1 where everything was said already.
	ErrSaid = errors.New("said")
	// ErrChanges ends a program with 2: what was asked for would change something.
	ErrChanges = errors.New("there would be changes")
)

// ExitCode is that of a program whose command ended with err, and whether the error was
// said already.
func ExitCode(err error) (code int, said bool) {
	switch {
	case err == nil:
		return 0, true
	case errors.Is(err, ErrChanges):
		return 2, true
	}
	return 1, errors.Is(err, ErrSaid)
}

// An Env is what the commands need of the program that they are part of.
type Env struct {
	Out, Err io.Writer
	// Program is what a person types before a command.
	Program string
	// Aim chooses a cluster where the flags name none, and reports whether Ordinal's
	// controller is a part of it; nil for the cluster that kubectl would take.
	Aim func(*genericclioptions.ConfigFlags) (ours bool, err error)
}

// Run is the whole program kubectl-ordinal. It returns the exit code.
func Run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	c := Root(Env{Out: out, Err: errs, Program: "kubectl ordinal"})
	c.SetArgs(args)
	c.SetIn(in)
	err := c.ExecuteContext(ctx)
	code, said := ExitCode(err)
	if !said {
		fmt.Fprintln(errs, "kubectl ordinal: "+err.Error())
	}
	return code
}

// Root is the command `kubectl ordinal`.
func Root(env Env) *cobra.Command {
	c := &cobra.Command{
		Use:   Binary,
		Short: "StatefulSets of any cluster, run by Ordinal",
		Long: `StatefulSets of any cluster, run by Ordinal beside the in-tree controller, which an
admission policy keeps out of the namespaces that are Ordinal's.

  kubectl ordinal preflight          can that work in this cluster? tries it, and cleans up
  kubectl ordinal take db --dry-run  what would change
  kubectl ordinal take db            have Ordinal run the sets of namespace db
  kubectl ordinal plan -f db.yaml    what would happen to its sets if that was applied
  kubectl ordinal approve sts/pg     go on with a roll-out after its canary
  kubectl ordinal remove pod/pg-1    this member goes, and no other comes or goes
  kubectl ordinal rebuild pod/pg-1   this member comes back without its data
  kubectl ordinal status             which sets are Ordinal's, and what they wait for
  kubectl ordinal give-back db       have the in-tree controller run them again`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version.Ordinal(),
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: env.Program},
	}
	c.SetOut(env.Out)
	c.SetErr(env.Err)
	c.AddCommand(Commands(env)...)
	c.AddCommand(env.newStatus(), env.newVersion(), env.newCompletionForKubectl())
	return c
}

// Commands are those that have one name wherever they are.
func Commands(env Env) []*cobra.Command {
	return []*cobra.Command{env.newPreflight(), env.newTake(), env.newGiveBack(), env.newPlan(), env.newWatch(), env.newApprove(), env.newRemove(), env.newRebuild()}
}

func (e Env) newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(e.Out, "kubectl-ordinal %s\n", version.Ordinal())
			return err
		},
	}
}

// newCompletionForKubectl prints what kubectl itself looks for: a program that completes
// the arguments of a plugin.
func (e Env) newCompletionForKubectl() *cobra.Command {
	return &cobra.Command{
		Use:   "complete-for-kubectl",
		Short: "Print the program kubectl_complete-ordinal, with which kubectl completes `kubectl ordinal`",
		Long: strings.TrimSpace(`
Print a program for the PATH with which kubectl completes the arguments of
"kubectl ordinal", in every shell that completes those of kubectl:

  kubectl ordinal complete-for-kubectl > ~/bin/kubectl_complete-ordinal
  chmod +x ~/bin/kubectl_complete-ordinal`),
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(e.Out, "#!/bin/sh\nexec %s __complete \"$@\"\n", Binary)
			return err
		},
	}
}
