// Command intree is kube-controller-manager with the StatefulSet controller
// and nothing else in it: what Ordinal's controller is measured against, and
// what it takes sets over from and gives them back to.
//
// It takes upstream's flags, with upstream's defaults; --kubeconfig is needed.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	command := app.NewControllerManagerCommand()
	command.SetArgs(append([]string{
		"--controllers=statefulset-controller",
		"--use-service-account-credentials", // it acts as itself, as it does in most clusters
		"--leader-elect=false",
		"--secure-port=0",
	}, os.Args[1:]...))
	os.Exit(cli.Run(command))
}
