package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"ordinal.dev/ordinal/internal/cluster/config"
	"ordinal.dev/ordinal/internal/cluster/instance"
	"ordinal.dev/ordinal/internal/cluster/layout"
	"ordinal.dev/ordinal/internal/cluster/logs"
	"ordinal.dev/ordinal/internal/cluster/mounts"
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

// Cluster is a running cluster.
type Cluster struct {
	cfg     config.Config
	layout  layout.Layout
	pki     pki.Dir
	server  string // URL of the API server
	log     logr.Logger
	journal *journal
	parts   *supervisor.Supervisor
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

// Stop ends every part in order. Containers go on: Teardown ends them, in a
// process in which no kubelet can start them again.
func (c *Cluster) Stop() {
	c.journal.set(func(s *instance.State) { s.Phase = instance.Stopping })
	c.stop(func(s *instance.State) { s.Phase = instance.Stopped })
}

// Fail is Stop after a part has failed; what is read of the cluster then says
// why.
func (c *Cluster) Fail(err error) {
	log := c.logOf(err)
	// Read now: stopping says a lot, and none of it is the reason.
	last := logs.LastLines(log, linesOfReason)
	c.stop(func(s *instance.State) {
		s.Phase, s.Error, s.Log, s.LogTail = instance.Failed, err.Error(), log, last
	})
}

func (c *Cluster) stop(last func(*instance.State)) {
	if late := c.parts.Stop(stopPatience); len(late) > 0 {
		c.log.Info("some parts did not end in time", "parts", late)
	}
	c.journal.set(last)
	c.release()
}

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
	if !c.cfg.Simulated() {
		if err := node.MarkStopped(ctx, c.layout, client); err != nil { // a webhook's pod may be among them
			c.log.Error(err, "the status of pods that stopped says that they are ready until the kubelet has started them")
		}
	}
	rest, err := c.workStage(ca, admin, storage)
	if err != nil {
		return err
	}
	return c.parts.Start(ctx, patience, rest...)
}

// logOf is the file that says more about a failure.
func (c *Cluster) logOf(err error) string {
	var failed *supervisor.Error
	if errors.As(err, &failed) && (failed.Part == "containerd" || failed.Part == "etcd") {
		return c.layout.Log(failed.Part)
	}
	return c.layout.Log("ordinal")
}

// address is where everything of this cluster listens.
func (c *Cluster) address() netip.Addr {
	if c.cfg.Simulated() {
		return netip.MustParseAddr("127.0.0.1")
	}
	return node.Gateway(c.cfg.PodCIDR)
}

// Find reports what there is to take down: a data directory, or what a cluster has
// left on the machine after its data directory was deleted.
func Find(l layout.Layout) (data, remains bool, err error) {
	if _, err := os.Stat(l.VersionFile()); !errors.Is(err, os.ErrNotExist) {
		return err == nil, false, err
	}
	owner, err := node.Owner()
	return false, err == nil && owner == l.Root, nil // a bridge of somebody else's is not ours to judge
}

// Teardown removes what a cluster left on the machine, other than its data.
// The cluster's process must have ended. Until it is done this process holds the
// lock and says that it is stopping the cluster, so that nobody takes it for one that
// waits to start it; afterwards nobody starts it again by itself. With purge the data
// goes too.
func Teardown(ctx context.Context, l layout.Layout, purge bool, report func(string)) error {
	release, err := instance.Acquire(l, instance.Down)
	if err != nil {
		return err
	}
	defer release()
	state, err := instance.Read(l)
	if err != nil {
		report(err.Error())
	}
	say := func(phase instance.Phase, reason string) {
		state.PID, state.Phase, state.Error, state.LogTail = os.Getpid(), phase, reason, nil
		if err := instance.Write(l, state); err != nil { // a full disk keeps nobody from stopping
			report(fmt.Sprintf("the state file cannot be written: %v", err))
		}
	}
	say(instance.Stopping, "")
	if err := node.Teardown(ctx, l, report); err != nil {
		say(instance.Stopped, "some of it is left on the machine: "+err.Error())
		return err
	}
	say(instance.Stopped, "")
	if purge {
		return deleteData(l)
	}
	return nil
}

// deleteData refuses while something else is mounted in a volume for instance, since that
// would be emptied too.
func deleteData(l layout.Layout) error {
	mounted, err := mounts.Below(l.Root)
	if err != nil {
		return err
	}
	mounted = slices.DeleteFunc(mounted, func(point string) bool { return slices.Contains(l.Entries(), point) }) // disks for a cluster's data
	if len(mounted) > 0 {
		return fmt.Errorf("nothing is deleted, since something else is mounted in the data directory: unmount %s", strings.Join(mounted, ", "))
	}
	return instance.Delete(l)
}
