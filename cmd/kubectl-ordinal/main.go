// The kubectl-ordinal command is the plugin of kubectl with which the StatefulSets of any
// cluster are put under Ordinal's controller, looked at, and given back.
package main

import (
	"context"
	"os"

	"ordinal.dev/ordinal/internal/plugin"
)

func main() {
	os.Exit(plugin.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
