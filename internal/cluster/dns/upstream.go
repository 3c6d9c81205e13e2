package dns

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/coredns/coredns/plugin/cache"
	"github.com/coredns/coredns/plugin/forward"
	"github.com/coredns/coredns/plugin/pkg/nonwriter"
	"github.com/coredns/coredns/plugin/pkg/proxy"
	"github.com/coredns/coredns/plugin/pkg/transport"
	"github.com/go-logr/logr"
	"github.com/miekg/dns"
)

// upstream is the machine's resolvers, asked in their order as the machine's
// own programs do. None is an upstream that refuses everything.
type upstream []resolver

type resolver struct {
	proxy   *proxy.Proxy
	forward *forward.Forward
}

// maxFails is after how many failed checks in a row a resolver is passed
// over; it is the forward plugin's default.
const maxFails = 2

// newUpstream reads the resolvers from file, leaving out self.
func newUpstream(file string, self netip.AddrPort, log logr.Logger) upstream {
	var up upstream
	for _, address := range resolvers(file, self, log) {
		r := resolver{proxy: proxy.NewProxy("forward", address, transport.DNS), forward: forward.New()}
		r.forward.SetProxy(r.proxy)
		up = append(up, r)
	}
	if len(up) == 0 {
		log.Info("No resolver for names outside the cluster; they are refused", "file", file)
	}
	return up
}

// resolvers are the addresses in file, in their order.
func resolvers(file string, self netip.AddrPort, log logr.Logger) []string {
	config, err := dns.ClientConfigFromFile(file)
	if err != nil {
		log.Info("Resolvers of the machine could not be read", "file", file, "reason", err.Error())
		return nil
	}
	var found []string
	for _, server := range config.Servers {
		address, err := addrPort(server)
		switch {
		case err != nil:
			log.Info("Resolver left out because it is no address", "file", file, "resolver", server)
		case address == self:
			log.Info("Resolver left out because it is this server", "file", file, "resolver", server)
		default:
			found = append(found, address.String())
		}
	}
	return found
}

// addrPort reads an address, usually without a port.
func addrPort(s string) (netip.AddrPort, error) {
	if address, err := netip.ParseAddrPort(s); err == nil {
		return address, nil
	}
	address, err := netip.ParseAddr(s)
	return netip.AddrPortFrom(address, 53), err
}

func (up upstream) stop() {
	for _, r := range up {
		_ = r.forward.OnShutdown() // it only stops, and returns nil
	}
}

// Name implements plugin.Handler.
func (up upstream) Name() string { return "upstream" }

// ServeDNS implements plugin.Handler. A resolver that failed, or will not or cannot
// answer, is not the last word unless it is the last one, as in glibc.
func (up upstream) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	for i, resolver := range up {
		if i == len(up)-1 {
			return resolver.forward.ServeDNS(ctx, w, r)
		}
		if resolver.proxy.Down(maxFails) {
			continue
		}
		answer := nonwriter.New(w)
		rcode, err := resolver.forward.ServeDNS(ctx, answer, r)
		if err == nil && answer.Msg != nil && !evades(answer.Msg.Rcode) {
			return rcode, w.WriteMsg(answer.Msg)
		}
	}
	return dns.RcodeRefused, nil
}

func evades(rcode int) bool {
	return rcode == dns.RcodeServerFailure || rcode == dns.RcodeRefused || rcode == dns.RcodeNotImplemented
}

// lookAtFile is how often the machine's resolvers are looked up: a laptop changes networks.
const lookAtFile = 2 * time.Second

// A present is the upstream of what the machine's file says now, behind a cache: what other
// resolvers answered is another matter.
type present struct {
	file string
	self netip.AddrPort
	log  logr.Logger
	read []byte // of the file, the last time
	up   atomic.Pointer[cached]
}

type cached struct {
	*cache.Cache
	up upstream
}

func newPresent(file string, self netip.AddrPort, log logr.Logger) *present {
	p := &present{file: file, self: self, log: log}
	p.read, _ = os.ReadFile(file) // newUpstream tells of an error
	p.up.Store(p.cached())
	return p
}

func (p *present) cached() *cached {
	up := newUpstream(p.file, p.self, p.log)
	c := &cached{cache.New(), up}
	c.Next = up
	return c
}

// Name implements plugin.Handler.
func (*present) Name() string { return "upstream" }

// ServeDNS implements plugin.Handler.
func (p *present) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	return p.up.Load().ServeDNS(ctx, w, r)
}

// follow reads the file again when it has changed, until ctx ends, and then calls changed.
func (p *present) follow(ctx context.Context, changed func()) {
	tick := time.NewTicker(lookAtFile)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			p.up.Load().up.stop()
			return
		case <-tick.C:
		}
		text, err := os.ReadFile(p.file)
		if err != nil || bytes.Equal(text, p.read) {
			continue // a file that is being replaced may be missing for an instant
		}
		p.read = text
		now := p.cached()
		p.log.Info("The machine's resolvers have changed", "resolvers", len(now.up))
		p.up.Swap(now).up.stop()
		changed()
	}
}
