package controller

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

const (
	// name is the controller's in events, leases, logs and user agents.
	name = "ordinal-controller"
	// firstRetry and lastRetry bound the pauses between tries of what the API
	// server refused. The last is how long a raised quota may go unnoticed.
	firstRetry = 50 * time.Millisecond
	lastRetry  = 30 * time.Second
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

// limit has all clients of the configuration together make so many requests a second, or
// as many as they like if it is negative. The returned configuration is the lease's: it
// is never limited, since a lease that waits behind writes is lost.
func limit(config *rest.Config, qps float32) (lease *rest.Config) {
	config.QPS = -1
	lease = rest.CopyConfig(config)
	if qps > 0 {
		config.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(qps, max(1, int(2*qps)))
	}
	return lease
}

func (c *Controller) manager() (manager.Manager, error) {
	config := rest.CopyConfig(c.config)
	config.ContentType = runtime.ContentTypeProtobuf
	config.UserAgent = name
	config.DisableCompression = true // near its server, unpacking costs more than it saves
	outage := &outage{log: c.options.Logger}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &patient{next, outage} })
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	lease := limit(config, c.options.QPS)
	return manager.New(config, manager.Options{
		Scheme:                        scheme,
		MapperProvider:                staticMapper,
		Logger:                        c.options.Logger,
		NewCache:                      newCache,
		Cache:                         cacheOptions(),
		Metrics:                       server.Options{BindAddress: orOff(c.options.MetricsAddr)},
		HealthProbeBindAddress:        orOff(c.options.HealthAddr),
		LeaderElection:                c.options.LeaderElection,
		LeaderElectionConfig:          lease,
		LeaderElectionID:              name,
		LeaderElectionNamespace:       c.options.LeaderElectionNamespace,
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
	view, err := newCachedView(ctx, mgr.GetCache())
	if err != nil {
		return err
	}
	metrics, err := newMetrics()
	if err != nil {
		return err
	}
	servers, err := connect(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return err
	}
	r := newReconciler(view, Surroundings{
		Client: &leanClient{mgr.GetClient(), servers}, Fresh: mgr.GetAPIReader(), Recorder: mgr.GetEventRecorder(name),
		Clock: clock.RealClock{}, Disabled: c.options.Disabled,
	}, c.options.Workers, metrics)
	wakes := &waker{reconciler: r}
	concerned := handler.EnqueueRequestsFromMapFunc(view.concerns)
	err = builder.ControllerManagedBy(mgr).
		Named("statefulset").
		For(&appsv1.StatefulSet{}).
		Watches(&corev1.Pod{}, r.partEvents(view.concerns)).
		Watches(&corev1.PersistentVolumeClaim{}, concerned).
		Watches(&appsv1.ControllerRevision{}, r.partEvents(view.concerns)).
		Watches(&corev1.Service{}, concerned).
		WatchesRawSource(source.Func(wakes.start)).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: c.options.Workers,
			SkipNameValidation:      ptr.To(true),
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
		}).
		Complete(wakes)
	if err != nil {
		return err
	}
	return errors.Join(
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddReadyzCheck("caches", func(r *http.Request) error { return c.Ready(r.Context()) }),
		mgr.Add(announceSync{mgr, c.synced}),
		mgr.Add(storeCheck{view, mgr.GetAPIReader(), storeCheckEvery}),
	)
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

// Kinds are the API objects that the controller watches.
func Kinds() []client.Object {
	return []client.Object{
		&appsv1.StatefulSet{}, &appsv1.ControllerRevision{},
		&corev1.Pod{}, &corev1.PersistentVolumeClaim{}, &corev1.Service{},
	}
}

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	return scheme, errors.Join(appsv1.AddToScheme(scheme), corev1.AddToScheme(scheme))
}

// staticMapper knows the few kinds there are, which saves asking the server.
func staticMapper(*rest.Config, *http.Client) (meta.RESTMapper, error) {
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{appsv1.SchemeGroupVersion, corev1.SchemeGroupVersion})
	for _, kind := range []string{"StatefulSet", "ControllerRevision"} {
		mapper.Add(appsv1.SchemeGroupVersion.WithKind(kind), meta.RESTScopeNamespace)
	}
	for _, kind := range []string{"Pod", "PersistentVolumeClaim", "Service"} {
		mapper.Add(corev1.SchemeGroupVersion.WithKind(kind), meta.RESTScopeNamespace)
	}
	return mapper, nil
}
