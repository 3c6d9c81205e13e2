package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"ordinal.dev/ordinal/internal/cluster"
)

// admin is how every test reaches the one cluster. It is set before the first
// test runs and not after.
var admin *rest.Config

func TestMain(m *testing.M) {
	code, err := runWithCluster(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		code = 1
	}
	os.Exit(code)
}

func runWithCluster(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "ordinal-integration-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)

	// What the components log would bury what a failing test says.
	logs, err := os.Create(filepath.Join(dir, "cluster.log"))
	if err != nil {
		return 0, err
	}
	defer logs.Close()
	klog.LogToStderr(false)
	klog.SetOutput(logs)

	cfg := cluster.Default()
	cfg.DataDir = dir
	cfg.SimulatedNodes = 3
	cfg.APIPort, cfg.KubeletPort = 0, 0
	c, err := cluster.Start(context.Background(), cfg, logr.Discard(), nil)
	if err != nil {
		return 0, err
	}
	defer c.Stop()

	if admin, err = c.RESTConfig(); err != nil {
		return 0, err
	}
	admin.QPS = -1 // the tests' own client-side limit would only slow them down
	return m.Run(), nil
}
