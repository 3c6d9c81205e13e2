package controlplane

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/cmd/kube-scheduler/app"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/config"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/latest"

	"ordinal.dev/ordinal/internal/cluster/news"
)

// Scheduler is kube-scheduler.
type Scheduler struct {
	Kubeconfig string // its own identity
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
	completed, err := s.configure(ctx)
	if err != nil {
		return fmt.Errorf("configuring: %w", err)
	}
	instance, err := newScheduler(ctx, completed)
	if err != nil {
		return fmt.Errorf("configuring: %w", err)
	}
	s.up.Store(true)
	if err := app.Run(ctx, &completed, instance); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// configure is upstream's configuration, but for the limit of requests, which is the
// API server's, and for the events, which wait for room.
func (s *Scheduler) configure(ctx context.Context) (config.CompletedConfig, error) {
	opts := options.NewOptions()
	opts.SecureServing.BindPort = 0
	var err error
	if opts.InformerName, err = cache.NewInformerName("kube-scheduler"); err != nil {
		return config.CompletedConfig{}, err
	}
	if opts.ComponentConfig, err = latest.Default(); err != nil {
		return config.CompletedConfig{}, err
	}
	opts.ComponentConfig.LeaderElection.LeaderElect = false
	opts.ComponentConfig.ClientConnection.Kubeconfig = s.Kubeconfig
	opts.ComponentConfig.ClientConnection.QPS = -1
	c, err := opts.Config(ctx)
	if err != nil {
		return config.CompletedConfig{}, err
	}
	client, err := kubernetes.NewForConfig(c.KubeConfig)
	if err != nil {
		return config.CompletedConfig{}, err
	}
	c.EventBroadcaster = news.NewBroadcaster(client.EventsV1())
	return c.Complete(), nil
}

// newScheduler stands in for upstream's Setup, which leaves no room for another
// broadcaster of events.
func newScheduler(ctx context.Context, c config.CompletedConfig) (*scheduler.Scheduler, error) {
	own := &c.ComponentConfig
	return scheduler.New(ctx, c.Client, c.InformerFactory, c.DynInformerFactory, c.EventBroadcaster.NewRecorder,
		scheduler.WithComponentConfigVersion(own.APIVersion),
		scheduler.WithKubeConfig(c.KubeConfig),
		scheduler.WithProfiles(own.Profiles...),
		scheduler.WithPercentageOfNodesToScore(own.PercentageOfNodesToScore),
		scheduler.WithPodInitialBackoffSeconds(own.PodInitialBackoffSeconds),
		scheduler.WithPodMaxBackoffSeconds(own.PodMaxBackoffSeconds),
		scheduler.WithPodMaxInUnschedulablePodsDuration(c.PodMaxInUnschedulablePodsDuration),
		scheduler.WithParallelism(own.Parallelism),
	)
}
