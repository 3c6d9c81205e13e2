package dns

import (
	"context"
	"crypto/rand"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/coredns/coredns/plugin"
	"github.com/go-logr/logr"
	"github.com/miekg/dns"
)

// maxForwarded bounds the queries under way to other resolvers, and with
// that what a loop can cost before it is noticed.
const maxForwarded = 1000

// loopGuard stops forwarding when a resolver of the machine sends queries
// back here. It finds out by asking for a name nobody else would: when the
// guard sees that twice, it went round.
type loopGuard struct {
	address netip.AddrPort
	log     logr.Logger
	next    plugin.Handler

	name    atomic.Pointer[string] // of the probe under way
	seen    atomic.Int32
	looping atomic.Bool
	forward atomic.Int32
}

// probe asks this server for a random name, which it forwards.
func (g *loopGuard) probe(ctx context.Context) {
	g.seen.Store(0)
	g.looping.Store(false)
	name := dns.Fqdn(rand.Text() + ".loop-probe")
	g.name.Store(&name)
	// The answer does not matter, nor that there may be none.
	_, _ = dns.ExchangeContext(ctx, new(dns.Msg).SetQuestion(name, dns.TypeHINFO), g.address.String())
}

// Name implements plugin.Handler.
func (g *loopGuard) Name() string { return "loop guard" }

// ServeDNS implements plugin.Handler.
func (g *loopGuard) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if name := g.name.Load(); name != nil && strings.EqualFold(r.Question[0].Name, *name) && g.seen.Add(1) > 1 {
		if !g.looping.Swap(true) {
			g.log.Info("A resolver of this machine sends queries back to the cluster's DNS; names outside the cluster are refused. Take the address out of the resolver's configuration", "address", g.address.String())
		}
	}
	if g.looping.Load() {
		return dns.RcodeRefused, nil
	}
	if g.forward.Add(1) > maxForwarded {
		g.forward.Add(-1)
		return dns.RcodeRefused, nil
	}
	defer g.forward.Add(-1)
	return g.next.ServeDNS(ctx, w, r)
}
