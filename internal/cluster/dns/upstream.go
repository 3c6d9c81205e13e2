package dns

import (
	"context"
	"net/netip"

	"github.com/coredns/coredns/plugin/forward"
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

// ServeDNS implements plugin.Handler. A resolver that failed writes nothing,
// so that the next one can.
func (up upstream) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	rcode, err := dns.RcodeRefused, error(nil)
	for i, resolver := range up {
		if last := i == len(up)-1; resolver.proxy.Down(maxFails) && !last {
			continue
		}
		if rcode, err = resolver.forward.ServeDNS(ctx, w, r); err == nil {
			return rcode, nil
		}
	}
	return rcode, err
}
