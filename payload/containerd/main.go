// Command containerd is upstream's daemon with the plugins that a node of an
// Ordinal cluster uses and no others: the overlayfs and native snapshotters,
// runc through its shim, the CRI service and what these stand on. What is left
// out (NRI, erofs, block-file and device-mapper snapshotters, tracing) cannot
// be reached, needs no configuration and writes nowhere.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/containerd/containerd/v2/cmd/containerd/command"
	"github.com/containernetworking/cni/libcni"
)

// cniCacheEnv names the directory for libcni's record of the networks each
// pod was attached to. libcni keeps it in /var/lib/cni, containerd has no
// setting for it, and a cluster writes nothing outside its data directory.
const cniCacheEnv = "CNI_CACHE_DIR"

func main() {
	if dir := os.Getenv(cniCacheEnv); dir != "" {
		libcni.CacheDir = dir
	}
	if err := command.App().Run(context.Background(), os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "containerd:", err)
		os.Exit(1)
	}
}
