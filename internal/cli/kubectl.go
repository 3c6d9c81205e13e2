package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/tools/clientcmd"
	basecli "k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/plugin"

	"ordinal.dev/ordinal/internal/cluster/layout"
	"ordinal.dev/ordinal/internal/cluster/pki"
)

// newKubectl is upstream's kubectl, aimed at this cluster unless told
// otherwise.
func (r *root) newKubectl() *cobra.Command {
	return &cobra.Command{
		Use:                "kubectl [ARGS...]",
		Short:              "Run the embedded kubectl on this cluster",
		DisableFlagParsing: true,
		RunE: func(c *cobra.Command, args []string) error {
			// kubectl's own flags follow; only ours may stand before them.
			args = r.takeDataDir(args)
			l, err := r.layout()
			if err != nil {
				return err
			}
			config := genericclioptions.NewConfigFlags(true).WithDeprecatedPasswordFlag().WithDiscoveryBurst(300).WithDiscoveryQPS(50)
			if err := aim(config, l); err != nil && !namesCluster(args) {
				return err
			}
			command := kubectl.NewDefaultKubectlCommandWithArgs(kubectl.KubectlOptions{
				PluginHandler: kubectl.NewDefaultPluginHandler(plugin.ValidPluginFilenamePrefixes),
				Arguments:     append([]string{"kubectl"}, args...),
				ConfigFlags:   config,
				IOStreams:     genericiooptions.IOStreams{In: r.in, Out: r.out, ErrOut: r.err},
			})
			command.SetArgs(args)
			if code := basecli.Run(command); code != 0 {
				return errSaid
			}
			return nil
		},
	}
}

// namesCluster reports whether kubectl's arguments say which cluster they are for.
func namesCluster(args []string) bool {
	for _, arg := range args {
		flag, _, _ := strings.Cut(arg, "=")
		switch flag {
		case "--kubeconfig", "--context", "--server", "-s":
			return true
		case "--": // what follows is a command in a pod
			return false
		}
	}
	return false
}

// takeDataDir reads --data-dir where it leads kubectl's arguments.
func (r *root) takeDataDir(args []string) []string {
	const flag = "--data-dir"
	switch {
	case len(args) >= 2 && args[0] == flag:
		r.dataDir = args[1]
		return args[2:]
	case len(args) >= 1 && len(args[0]) > len(flag) && args[0][:len(flag)+1] == flag+"=":
		r.dataDir = args[0][len(flag)+1:]
		return args[1:]
	}
	return args
}

// aim points kubectl at the cluster of the data directory. Its kubeconfig is
// the administrator's alone; other users have the context that was merged for
// them.
func aim(config *genericclioptions.ConfigFlags, l layout.Layout) error {
	path, name := l.Kubeconfig(), pki.ContextName
	f, err := os.Open(path)
	switch {
	case err == nil:
		f.Close()
		config.KubeConfig = &path
		return nil
	case !errors.Is(err, os.ErrPermission):
		return fmt.Errorf("there is no cluster in %s: start it with `ordinal up` (sudo), or name another with --data-dir", l.Root)
	}
	if user, err := clientcmd.NewDefaultPathOptions().GetStartingConfig(); err != nil || user.Contexts[name] == nil {
		return fmt.Errorf("there is no cluster in %s that this user may use: start it with `ordinal up` (sudo), or name another with --data-dir", l.Root)
	}
	config.Context = &name
	return nil
}
