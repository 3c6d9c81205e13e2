package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/kubernetes"
	"github.com/go-logr/logr"
	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
)

// Config says what to answer, and where.
type Config struct {
	// Client reaches the API server.
	Client *rest.Config
	// Address is where to listen, with UDP and TCP.
	Address netip.AddrPort
	// Domain is the cluster's, such as cluster.local.
	Domain string
	// Ranges are the addresses of pods and Services, for PTR records.
	Ranges []netip.Prefix
	// ResolvConf names the file with the resolvers for all other names,
	// usually /etc/resolv.conf. It need not exist.
	ResolvConf string
	Log        logr.Logger
}

// Server answers queries. It is a part of the cluster: Name, Run, Ready.
type Server struct {
	cfg     Config
	cluster atomic.Pointer[kubernetes.Kubernetes] // nil while not running
}

// New makes a server; nothing is opened or contacted before Run.
func New(cfg Config) *Server { return &Server{cfg: cfg} }

// Name is the part's name in progress lines and errors.
func (s *Server) Name() string { return "dns" }

// Ready asks the server about its own domain. It returns nil once the answer
// is based on all that is in the API.
func (s *Server) Ready(ctx context.Context) error {
	k := s.cluster.Load()
	if k == nil {
		return errors.New("dns is not listening yet")
	}
	if !k.Ready() {
		return errors.New("dns is reading Services and endpoints from the API server")
	}
	query := new(dns.Msg).SetQuestion(dns.Fqdn(s.cfg.Domain), dns.TypeSOA)
	answer, err := dns.ExchangeContext(ctx, query, s.cfg.Address.String())
	if err != nil {
		return fmt.Errorf("ask dns at %s: %w", s.cfg.Address, err)
	}
	if answer.Rcode != dns.RcodeSuccess {
		return fmt.Errorf("dns at %s answers %s for %s", s.cfg.Address, dns.RcodeToString[answer.Rcode], s.cfg.Domain)
	}
	return nil
}

// Run answers queries until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	if err := s.run(ctx); err != nil {
		return fmt.Errorf("dns: %w", err)
	}
	return nil
}

func (s *Server) run(ctx context.Context) error {
	k, err := newCluster(s.cfg)
	if err != nil {
		return err
	}
	watch, unwatch, err := k.InitKubeCache(ctx)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	up := newPresent(s.cfg.ResolvConf, s.cfg.Address, s.cfg.Log)
	guard := &loopGuard{address: s.cfg.Address, log: s.cfg.Log}
	server, err := dnsserver.NewServer("dns://"+s.cfg.Address.String(), []*dnsserver.Config{{
		Zone:   ".",
		Plugin: chain(k, guard, up, s.cfg.Log),
	}})
	if err != nil {
		return err
	}
	udp, tcp, err := listen(ctx, s.cfg.Address)
	if err != nil {
		return unlessDone(ctx, err)
	}

	group, ctx := errgroup.WithContext(ctx)
	// It starts the watches, and then only waits for them to have read all or
	// startupTimeout to pass, for which nothing here needs to wait.
	go func() { _ = watch() }()
	group.Go(func() error { return unlessDone(ctx, server.ServePacket(udp)) })
	group.Go(func() error { return unlessDone(ctx, server.Serve(tcp)) })
	group.Go(func() error {
		<-ctx.Done()
		err := server.Stop() // lets queries under way finish
		// A server that had no time to start is stopped by its sockets.
		_, _ = udp.Close(), tcp.Close()
		return errors.Join(err, unwatch())
	})
	group.Go(func() error { guard.probe(ctx); return nil })
	group.Go(func() error { up.follow(ctx, func() { guard.probe(ctx) }); return nil })
	s.cluster.Store(k)
	defer s.cluster.Store(nil)
	return group.Wait()
}

// chain is the way of a query: the cluster's names end in k, before the cache
// that is meant for all others.
func chain(k *kubernetes.Kubernetes, guard *loopGuard, up plugin.Handler, log logr.Logger) []plugin.Plugin {
	return []plugin.Plugin{
		func(next plugin.Handler) plugin.Handler { return &faults{next: next, log: log} },
		func(next plugin.Handler) plugin.Handler { k.Next = next; return k },
		func(next plugin.Handler) plugin.Handler { guard.next = next; return guard },
		func(plugin.Handler) plugin.Handler { return up },
	}
}

// listen opens both sockets, without sharing the port as CoreDNS would.
func listen(ctx context.Context, address netip.AddrPort) (net.PacketConn, net.Listener, error) {
	var config net.ListenConfig
	udp, err := config.ListenPacket(ctx, "udp", address.String())
	if err != nil {
		return nil, nil, explain(err, address)
	}
	tcp, err := config.Listen(ctx, "tcp", address.String())
	if err != nil {
		udp.Close()
		return nil, nil, explain(err, address)
	}
	return udp, tcp, nil
}

func explain(err error, address netip.AddrPort) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("another process answers at %s; stop it, or give pods another range (%w)", address, err)
	}
	return fmt.Errorf("listen: %w", err)
}

func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// faults logs queries that failed for a reason of ours, one in a while: on a machine that
// is not connected they may be thousands.
type faults struct {
	next plugin.Handler
	log  logr.Logger

	mu     sync.Mutex
	said   time.Time
	unsaid int
}

const faultsEvery = 10 * time.Second

// Name implements plugin.Handler.
func (*faults) Name() string { return "faults" }

// ServeDNS implements plugin.Handler.
func (f *faults) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	rcode, err := f.next.ServeDNS(ctx, w, r)
	if err != nil {
		f.tell(r.Question[0], err)
	}
	return rcode, err
}

func (f *faults) tell(q dns.Question, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.said) < faultsEvery {
		f.unsaid++
		return
	}
	f.log.Info("Query failed", "name", q.Name, "type", dns.TypeToString[q.Qtype], "reason", err.Error(), "others since the last one told", f.unsaid)
	f.said, f.unsaid = time.Now(), 0
}
