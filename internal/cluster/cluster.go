package cluster

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"ordinal.dev/ordinal/internal/cluster/config"
	"ordinal.dev/ordinal/internal/cluster/instance"
	"ordinal.dev/ordinal/internal/cluster/layout"
	"ordinal.dev/ordinal/internal/cluster/node"
	"ordinal.dev/ordinal/internal/cluster/payload"
	"ordinal.dev/ordinal/internal/cluster/pki"
	"ordinal.dev/ordinal/internal/cluster/supervisor"
)

const (
	// patience is how long a stage may take to become ready. A start takes
	// seconds; on a machine that is busy with something else, more.
	patience = 90 * time.Second
	// stopPatience is how long a stage may take to end. etcd, the one that
	// minds being cut short, ends in milliseconds; the API server would wait
	// a minute for watches that nobody closes.
	stopPatience = 3 * time.Second
	// linesOfReason is how much of a log explains a failure.
	linesOfReason = 8
)

// NotOrdinals says who looks after StatefulSets in a cluster whose configuration, which is
// kept for its next start, leaves them to somebody else; empty where they are Ordinal's.
func NotOrdinals(cfg config.Config) string {
	who := "no StatefulSet controller runs"
	switch cfg.StatefulSetController {
	case config.Ordinal:
		return ""
	case config.InTree:
		who = "the in-tree StatefulSet controller runs, and not Ordinal's"
	}
	return fmt.Sprintf("%s, as --statefulset-controller said at this start or an earlier one; `ordinal down` and then `ordinal up --statefulset-controller %s` bring Ordinal's back", who, config.Ordinal)
}

// Cluster is a running cluster.
type Cluster struct {
	cfg     config.Config
	layout  layout.Layout
	pki     pki.Dir
	server  string // URL of the API server
	log     logr.Logger
	journal *journal
	parts   *supervisor.Supervisor
	work    []supervisor.Part // ends before the pods do
	release func()
}

// Start brings a cluster up and returns when its nodes are Ready and pods can
// run; Announce tells everybody else. report, which may be nil, is told of every
// change on the way. On an error all that was started is stopped again, and
// containers that were running go on.
func Start(ctx context.Context, cfg config.Config, log logr.Logger, report func(instance.State)) (*Cluster, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l := cfg.Layout()
	if err := instance.Unused(l); err != nil {
		return nil, err
	}
	release, err := instance.Acquire(l, instance.Up)
	if err != nil {
		return nil, err
	}
	c := &Cluster{cfg: cfg, layout: l, pki: newPKI(l.PKI()), log: log, journal: newJournal(l, log, report), release: release}
	c.parts = supervisor.New(c.journal.part)
	notes := endOf(l)
	if whose := NotOrdinals(cfg); whose != "" {
		notes = append(notes, whose)
	}
	c.journal.set(func(s *instance.State) { s.Nodes, s.Domain, s.Notes = cfg.Nodes(), cfg.Domain, notes })
	if err := c.start(ctx); err != nil {
		c.Fail(err)
		return nil, err
	}
	return c, nil
}

// Announce says that the cluster runs, and what else there is to know about it.
func (c *Cluster) Announce(notes ...string) {
	c.journal.set(func(s *instance.State) {
		s.Phase, s.Notes = instance.Running, append(s.Notes, notes...)
	})
}

// endOf says how the last cluster on the data directory ended, unless that was
// asked for or nothing had started.
func endOf(l layout.Layout) []string {
	last, err := instance.Read(l)
	switch at := last.StartedAt.Format(time.DateTime); {
	case err != nil || len(last.Parts) == 0 || last.Phase == instance.Stopped:
		return nil
	case last.Error != "":
		return []string{fmt.Sprintf("the process before this one, started %s, failed: %s", at, last.Error)}
	default:
		return []string{fmt.Sprintf("the process before this one, started %s, was killed or ran out of memory or disk; pods went on", at)}
	}
}

// RESTConfig is an administrator's.
func (c *Cluster) RESTConfig() (*rest.Config, error) {
	return clientcmd.BuildConfigFromFlags("", c.layout.Kubeconfig())
}

// Failed yields the first failure of a part of the running cluster.
func (c *Cluster) Failed() <-chan error { return c.parts.Failed() }

func (c *Cluster) start(ctx context.Context) error {
	if err := c.makeDirs(); err != nil {
		return fmt.Errorf("the data directory %s is not usable: %w", c.layout.Root, err)
	}
	if err := enoughDisk(c.layout.Root); err != nil {
		return err
	}
	if err := c.cfg.Continues(); err != nil {
		return err
	}
	if !c.cfg.Simulated() {
		if err := c.prepareNode(); err != nil {
			return err
		}
	}
	api, err := listen(netip.AddrPortFrom(c.address(), uint16(c.cfg.APIPort)), "--api-port")
	if err != nil {
		return err
	}
	if err := c.cfg.Save(); err != nil {
		return err
	}
	c.server = "https://" + api.Addr().String()
	c.journal.set(func(s *instance.State) { s.Server = c.server })
	return c.startStages(ctx, api)
}

func (c *Cluster) makeDirs() error {
	private := []string{c.layout.Logs(), c.layout.PKI(), c.layout.Etcd()}
	public := []string{c.layout.Run(), c.layout.CNI(), c.layout.Volumes(), c.layout.Images(), c.layout.PodLogs()}
	for _, d := range private {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	for _, d := range public {
		if err := os.MkdirAll(d, 0o711); err != nil {
			return err
		}
	}
	return os.Chmod(c.layout.Run(), 0o711)
}

// prepareNode makes what this machine needs before anything can run on it.
func (c *Cluster) prepareNode() error {
	notes, err := node.Preflight(c.layout)
	if err != nil {
		return err
	}
	note, err := c.networksFree()
	if err != nil {
		return err
	}
	notes = append(notes, note...)
	if err := node.EnsureBridge(c.layout.Root, c.cfg.PodCIDR, c.cfg.ServiceCIDR); err != nil {
		return err
	}
	if err := c.portsFree(); err != nil {
		return err
	}
	if err := node.EnsureCgroup(); err != nil {
		return err
	}
	notes = append(notes, node.EnsureForwarding(c.cfg.PodCIDR)...)
	if err := payload.Unpack(c.layout.Bin()); err != nil {
		return err
	}
	c.journal.set(func(s *instance.State) { s.Notes = append(s.Notes, notes...) })
	return c.writeResolvConf()
}

// networksFree says which network of this machine the cluster's would take the place of.
// A cluster that is there goes on: somebody may have joined a network meanwhile.
func (c *Cluster) networksFree() (notes []string, err error) {
	before, err := config.Saved(c.layout)
	if err != nil {
		return nil, err
	}
	_, err = os.Stat(c.layout.Config())
	isNew := err != nil
	for _, n := range []struct {
		whose, flag string
		network     netip.Prefix
		isNew       bool
	}{
		{"pods'", "--pod-cidr", c.cfg.PodCIDR, isNew || c.cfg.PodCIDR != before.PodCIDR},
		{"Services'", "--service-cidr", c.cfg.ServiceCIDR, isNew},
	} {
		taken, err := node.Taken(n.network)
		switch {
		case err != nil:
			return nil, err
		case taken != "" && n.isNew:
			return nil, fmt.Errorf("the %s network %s would take the place of %s on this machine: choose another with %s", n.whose, n.network, taken, n.flag)
		case taken != "":
			notes = append(notes, fmt.Sprintf("the %s network %s takes the place of %s on this machine", n.whose, n.network, taken))
		}
	}
	return notes, nil
}

// portsFree says who holds a port that parts will listen on, before any starts.
func (c *Cluster) portsFree() error {
	for _, p := range []struct {
		port int
		flag string
	}{{c.cfg.KubeletPort, "--kubelet-port"}, {c.cfg.ImagesPort, "--images-port"}, {dnsPort, "--pod-cidr (names are served on port 53 of the pod network's first address)"}} {
		l, err := listen(netip.AddrPortFrom(c.address(), uint16(p.port)), p.flag)
		if err != nil {
			return err
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}

// writeResolvConf is what pods with the machine's DNS get: its own may be on a
// loopback address that a pod does not share.
func (c *Cluster) writeResolvConf() error {
	text := "nameserver " + c.address().String() + "\n"
	machine, _ := os.ReadFile("/etc/resolv.conf")
	for line := range strings.Lines(string(machine)) {
		if strings.HasPrefix(line, "search ") {
			text += line
		}
	}
	return os.WriteFile(c.layout.ResolvConf(), []byte(text), 0o644)
}

func (c *Cluster) startStages(ctx context.Context, api net.Listener) error {
	ca, err := c.makeIdentities()
	if err != nil {
		return err
	}
	storage, err := c.volumes(ctx) // while no client is at work, see volumes.New
	if err != nil {
		return err
	}
	store, err := c.storeStage(ctx)
	if err != nil {
		return err
	}
	if err := c.parts.Start(ctx, patience, store...); err != nil {
		return err
	}
	if !c.cfg.Simulated() {
		go c.offerImages()
	}
	if err := c.parts.Start(ctx, patience, c.apiServer(api)); err != nil {
		return err
	}
	admin, err := c.RESTConfig()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(admin)
	if err != nil {
		return err
	}
	if err := c.grant(ctx, client); err != nil {
		return err
	}
	kinds, err := apiextensions.NewForConfig(admin)
	if err != nil {
		return err
	}
	if err := c.servePolicies(ctx, kinds); err != nil {
		return err
	}
	c.acceptClaimTemplates(ctx, client)
	if !c.cfg.Simulated() {
		if err := node.MarkStopped(ctx, c.layout, client); err != nil { // a webhook's pod may be among them
			c.log.Error(err, "the status of pods that stopped says that they are ready until the kubelet has started them")
		}
	}
	if c.work, err = c.workers(ca, admin, storage); err != nil {
		return err
	}
	network, err := c.network()
	if err != nil {
		return err
	}
	return c.parts.Start(ctx, patience, append(network, c.work...)...)
}

// address is where everything of this cluster listens.
func (c *Cluster) address() netip.Addr {
	if c.cfg.Simulated() {
		return netip.MustParseAddr("127.0.0.1")
	}
	return node.Gateway(c.cfg.PodCIDR)
}
