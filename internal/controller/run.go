package controller

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/controller/apiclient"
	"ordinal.dev/ordinal/internal/controller/hooks"
	"ordinal.dev/ordinal/internal/controller/interlock"
	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/controller/queue"
	"ordinal.dev/ordinal/internal/controller/report"
	"ordinal.dev/ordinal/internal/controller/snapshot"
	"ordinal.dev/ordinal/internal/fence"
)

const (
	// name is the controller's in events, leases, logs and user agents.
	name = "ordinal-controller"
	// storeCheckEvery is how long a store that was restored may go unnoticed.
	storeCheckEvery = 15 * time.Second
)

// Controller is one controller for one cluster.
type Controller struct {
	config  *rest.Config
	options Options
	synced  chan struct{} // closed when the caches are filled
}

// New makes a controller for the cluster. Nothing is contacted before Run.
func New(config *rest.Config, options Options) *Controller {
	return &Controller{config: config, options: options, synced: make(chan struct{})}
}

// Run is New and Run in one.
func Run(ctx context.Context, config *rest.Config, options Options) error {
	return New(config, options).Run(ctx)
}

// Name is the controller's name as a part of a cluster.
func (c *Controller) Name() string { return name }

// Ready returns nil once the caches are filled.
func (c *Controller) Ready(context.Context) error {
	select {
	case <-c.synced:
		return nil
	default:
		return errors.New("the caches are not filled yet")
	}
}

// Run reconciles StatefulSets until the context ends, and then returns nil. It
// may be called once. It installs no signal handler and never exits the process.
func (c *Controller) Run(ctx context.Context) error {
	if err := c.options.validate(); err != nil {
		return err
	}
	log.SetLogger(c.options.Logger) // what controller-runtime logs outside of a manager
	mgr, err := c.manager()
	if err != nil {
		return fmt.Errorf("set up the controller: %w", err)
	}
	if err := c.register(ctx, mgr); err != nil {
		return fmt.Errorf("set up the controller: %w", err)
	}
	if err := c.start(ctx, mgr); err != nil && ctx.Err() == nil {
		return fmt.Errorf("run the controller: %w", err)
	}
	return nil
}

// start runs the manager. When the context ends before the caches are filled, because
// the API server cannot be reached, controller-runtime goes on waiting for them and
// never returns. Nothing is under way then, so nobody has to wait for it.
func (c *Controller) start(ctx context.Context, mgr manager.Manager) error {
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	if c.Ready(ctx) != nil {
		return nil
	}
	return <-ended
}

func (c *Controller) manager() (manager.Manager, error) {
	config := rest.CopyConfig(c.config)
	config.ContentType = runtime.ContentTypeProtobuf
	config.UserAgent = name
	config.DisableCompression = true // near its server, unpacking costs more than it saves
	config.Wrap(apiclient.RetryReads(c.options.Logger))
	scheme, err := kinds.Scheme()
	if err != nil {
		return nil, err
	}
	lease := apiclient.Limit(config, c.options.QPS)
	return manager.New(config, manager.Options{
		Scheme:                        scheme,
		MapperProvider:                kinds.Mapper,
		Logger:                        c.options.Logger,
		NewCache:                      apiclient.NewCache,
		Cache:                         snapshot.CacheOptions(),
		Metrics:                       server.Options{BindAddress: orOff(c.options.MetricsAddr)},
		HealthProbeBindAddress:        orOff(c.options.HealthAddr),
		LeaderElection:                c.options.LeaderElection,
		LeaderElectionConfig:          lease,
		LeaderElectionID:              name,
		LeaderElectionNamespace:       c.options.Namespace,
		LeaderElectionReleaseOnCancel: true,
	})
}

// orOff turns an empty address into the manager's word for none.
func orOff(addr string) string {
	if addr == "" {
		return "0"
	}
	return addr
}

// register puts the reconciler, its watches and its probes into the manager.
func (c *Controller) register(ctx context.Context, mgr manager.Manager) error {
	cache, err := snapshot.NewCache(ctx, mgr.GetCache())
	if err != nil {
		return err
	}
	metrics, err := report.NewMetrics()
	if err != nil {
		return err
	}
	writes, err := apiclient.NewMetadataOnly(mgr.GetClient(), mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return err
	}
	events := fenceEvents{report.Fence{Metrics: metrics, Logger: c.options.Logger}, &waker{cache: cache}, make(chan struct{}, 1)}
	locks := interlock.New(c.options.Mode, clock.RealClock{}, events)
	caller, err := hooks.NewCaller(mgr.GetConfig(), mgr.GetAPIReader())
	if err != nil {
		return err
	}
	r := newReconciler(cache, Surroundings{
		Hooks:  hooks.NewRunner(hooks.Beside(caller.Call), clock.RealClock{}, events.wake.one),
		Client: writes, Live: mgr.GetAPIReader(), Recorder: mgr.GetEventRecorder(name), Reports: snapshot.Reports(mgr.GetAPIReader()),
		Clock: clock.RealClock{}, Disabled: c.options.Disabled, Interlock: locks, Logger: c.options.Logger,
	}, c.options.Workers, metrics)
	events.wake.memories = &r.memories
	if err := c.watch(mgr, cache, r, events.wake); err != nil {
		return err
	}
	if err := c.fenceOff(mgr, cache, locks, events); err != nil {
		return err
	}
	return errors.Join(
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddReadyzCheck("caches", func(r *http.Request) error { return c.Ready(r.Context()) }),
		mgr.AddReadyzCheck("alone", func(*http.Request) error { return r.guard.Held() }), // no part of Ready, which a cluster's start waits for
		mgr.AddReadyzCheck("fence", func(*http.Request) error { return locks.Down() }),
		mgr.Add(announceSync{mgr, c.synced}),
		mgr.Add(apiclient.StoreCheck{Seen: cache, Live: mgr.GetAPIReader(), Every: storeCheckEvery}),
	)
}

// fenceOff has the interlock shown what it goes by, and its findings told.
func (c *Controller) fenceOff(mgr manager.Manager, cache *snapshot.Cache, locks *interlock.Interlock, events fenceEvents) error {
	fenced := c.options.Mode == fence.Fenced
	watch := fenceWatch{apiclient.NewFollower(mgr.GetConfig(), mgr.GetHTTPClient()), locks, fenced, c.options.Logger}
	record := recordKeeper{locks, cache, mgr.GetClient(), c.options.Namespace, events.changed, events.Fence, c.options.LeaderElection, c.options.Logger}
	if err := errors.Join(mgr.Add(watch), mgr.Add(record)); err != nil || !fenced {
		return err
	}
	probes, err := newProber(mgr.GetConfig())
	if err != nil {
		return err
	}
	return mgr.Add(fenceProof{locks, probes})
}

// watch has the reconciler called for the sets that changes concern.
func (c *Controller) watch(mgr manager.Manager, cache *snapshot.Cache, r *reconciler, wake *waker) error {
	requeuer := &queue.Requeuer{Reconciler: r, Admission: r.admission}
	concerned, parts := handler.EnqueueRequestsFromMapFunc(cache.SetsOf), queue.PartEvents(cache.SetsOf, r.due)
	others := builder.WithPredicates(r.guard.Events())
	return builder.ControllerManagedBy(mgr).
		Named("statefulset").
		For(&appsv1.StatefulSet{}, others).
		Watches(&appsv1.StatefulSet{}, queue.SharerEvents(cache.SharersOf)).
		Watches(&corev1.Pod{}, parts, others).
		Watches(&corev1.PersistentVolumeClaim{}, concerned).
		Watches(&appsv1.ControllerRevision{}, parts, others).
		Watches(&corev1.Service{}, concerned).
		Watches(&v1alpha1.StatefulSetPolicy{}, concerned).
		WatchesRawSource(source.Func(requeuer.Start)).
		WatchesRawSource(source.Func(wake.start)).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: c.options.Workers,
			SkipNameValidation:      ptr.To(true),
			RateLimiter:             queue.RateLimiter(),
		}).
		Complete(requeuer)
}

// announceSync closes a channel when the manager's caches are filled, whether or
// not this instance leads.
type announceSync struct {
	mgr    manager.Manager
	synced chan struct{}
}

func (a announceSync) NeedLeaderElection() bool { return false }

func (a announceSync) Start(ctx context.Context) error {
	if a.mgr.GetCache().WaitForCacheSync(ctx) {
		close(a.synced)
	}
	return nil
}
