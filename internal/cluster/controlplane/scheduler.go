package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/cmd/kube-scheduler/app"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

// schedulerConfig is a file because upstream's Setup replaces any other
// configuration by its defaults. The limit of requests is the API server's.
const schedulerConfig = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection:
  leaderElect: false
clientConnection:
  kubeconfig: %q
  contentType: application/vnd.kubernetes.protobuf
  qps: -1
`

// Scheduler is kube-scheduler.
type Scheduler struct {
	Kubeconfig string // its own identity
	ConfigFile string // where its configuration is written
	up         atomic.Bool
}

// Name implements supervisor.Part.
func (s *Scheduler) Name() string { return "kube-scheduler" }

// Ready implements supervisor.Part.
func (s *Scheduler) Ready(context.Context) error {
	if !s.up.Load() {
		return errors.New("not configured yet")
	}
	return nil
}

// Run implements supervisor.Part.
func (s *Scheduler) Run(ctx context.Context) error {
	if err := setGlobals(); err != nil {
		return err
	}
	if err := os.WriteFile(s.ConfigFile, fmt.Appendf(nil, schedulerConfig, s.Kubeconfig), 0o600); err != nil {
		return err
	}
	opts := options.NewOptions()
	opts.SecureServing.BindPort = 0
	opts.ConfigFile = s.ConfigFile
	informerName, err := cache.NewInformerName("kube-scheduler")
	if err != nil {
		return err
	}
	opts.InformerName = informerName
	config, scheduler, err := app.Setup(ctx, opts)
	if err != nil {
		return fmt.Errorf("configuring: %w", err)
	}
	s.up.Store(true)
	if err := app.Run(ctx, config, scheduler); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}
