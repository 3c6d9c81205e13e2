package simnode

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Config says how many nodes to simulate, and where.
type Config struct {
	// Client reaches the API server. Its rate limits are ignored: a kubelet
	// has a budget of its own, and here one process is many kubelets.
	Client *rest.Config
	// Nodes is how many there are: sim-0 … sim-(Nodes-1).
	Nodes int
	// PodCIDR is divided among the nodes for the addresses of their pods.
	PodCIDR netip.Prefix
	Log     logr.Logger
}

// Kubelets simulates the kubelets of all nodes. It is a part of the cluster:
// Name, Run, Ready.
type Kubelets struct {
	cfg    Config
	client kubernetes.Interface
	nodes  []node
	ready  atomic.Bool
}

// New checks cfg; nothing is contacted before Run.
func New(cfg Config) (*Kubelets, error) {
	client := rest.CopyConfig(cfg.Client)
	client.QPS = -1
	client.ContentType = "application/vnd.kubernetes.protobuf"
	client.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	clientset, err := kubernetes.NewForConfig(client)
	if err != nil {
		return nil, fmt.Errorf("simulated nodes: client: %w", err)
	}
	return newKubelets(cfg, clientset)
}

func newKubelets(cfg Config, client kubernetes.Interface) (*Kubelets, error) {
	nodes, err := layOut(cfg.Nodes, cfg.PodCIDR)
	if err != nil {
		return nil, err
	}
	return &Kubelets{cfg: cfg, client: client, nodes: nodes}, nil
}

// Name is the part's name in progress lines and errors.
func (k *Kubelets) Name() string { return "simulated nodes" }

// Ready returns nil once every node is registered and pods are being served.
func (k *Kubelets) Ready(context.Context) error {
	if !k.ready.Load() {
		return errors.New("simulated nodes are being registered")
	}
	return nil
}

// Run registers the nodes and serves their pods until ctx ends. The nodes
// stay in the API when it returns, and stop being Ready as any node would.
func (k *Kubelets) Run(ctx context.Context) error {
	defer k.ready.Store(false)
	registry := &registry{client: k.client, log: k.cfg.Log, nodes: k.nodes}
	if err := registry.sync(ctx); err != nil {
		return stopped(ctx, fmt.Errorf("simulated nodes: register: %w", err))
	}
	pods := newPods(k.client, k.cfg.Log, k.nodes)

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return registry.heartbeats(ctx) })
	group.Go(func() error { return pods.run(ctx, func() { k.ready.Store(true) }) })
	return stopped(ctx, group.Wait())
}

// stopped turns an error into nil when the reason for it is that ctx ended.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
