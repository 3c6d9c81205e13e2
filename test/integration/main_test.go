package integration

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"ordinal.dev/ordinal/internal/cluster"
	"ordinal.dev/ordinal/internal/cluster/config"
	"ordinal.dev/ordinal/internal/cluster/layout"
)

// admin is how every test reaches the one cluster, and adminConfig what it was made
// from. They are set before the first test runs and not after.
var (
	admin       kubernetes.Interface
	adminConfig *rest.Config
)

func TestMain(m *testing.M) {
	if os.Getenv(asKubectl) != "" {
		os.Exit(runKubectl())
	}
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
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	if err := errors.Join(flags.Set("logtostderr", "false"), flags.Set("stderrthreshold", "FATAL")); err != nil {
		return 0, err
	}
	klog.SetOutput(logs)

	cfg := config.Default()
	cfg.DataDir = dir
	cfg.SimulatedNodes = 3
	cfg.APIPort, cfg.KubeletPort = 0, 0
	cfg.EnforceOwners = true // the strictest that a controller meets
	other := otherController()
	if other != nil {
		cfg.StatefulSetController = config.None
	}
	c, err := cluster.Start(context.Background(), cfg, logr.Discard(), nil)
	if err != nil {
		return 0, err
	}
	defer c.Stop()

	adminKubeconfig = layout.Layout{Root: dir}.Kubeconfig()
	if adminConfig, err = c.RESTConfig(); err != nil {
		return 0, err
	}
	adminConfig.QPS = -1 // a limit of the tests' own would only slow them down
	if admin, err = kubernetes.NewForConfig(adminConfig); err != nil {
		return 0, err
	}
	if other == nil {
		return m.Run(), nil
	}
	stop, err := other(layout.Layout{Root: dir}.KubeconfigFor("ordinal-controller"))
	if err != nil {
		return 0, err
	}
	code := m.Run()
	return code, stop()
}
