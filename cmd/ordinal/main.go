// Command ordinal is the whole product in one binary: a Kubernetes on this
// machine, its StatefulSet controller, and kubectl.
package main

import (
	"os"

	"ordinal.dev/ordinal/internal/cli"
)

func main() {
	os.Exit(cli.Run(os.Args, os.Stdin, os.Stdout, os.Stderr))
}
