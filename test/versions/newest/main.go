// Command newest is the control plane of the newest Kubernetes that Ordinal supports: its
// API server, controller-manager or scheduler, and the store of that time, each by its name
// as the first argument and with its own flags.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func main() {
	parts := map[string]func() *cobra.Command{
		"kube-apiserver":          apiserver.NewAPIServerCommand,
		"kube-controller-manager": controllers.NewControllerManagerCommand,
		"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	}
	if len(os.Args) > 1 && os.Args[1] == "etcd" {
		etcdmain.Main(os.Args[1:])
		return
	}
	if len(os.Args) < 2 || parts[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "newest: give one of etcd, kube-apiserver, kube-controller-manager, kube-scheduler, and its flags")
		os.Exit(2)
	}
	// By the program's name the API server records who has written what.
	os.Args = os.Args[1:]
	command := parts[os.Args[0]]()
	command.SetArgs(os.Args[1:])
	os.Exit(cli.Run(command))
}
