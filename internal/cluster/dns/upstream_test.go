package dns

import (
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// resolverWith answers every query with handle, and returns its address.
func resolverWith(t *testing.T, handle dns.HandlerFunc) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: handle}
	done := make(chan error, 1)
	go func() { done <- server.ActivateAndServe() }()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return conn.LocalAddr().String()
}

// says answers queries with address, and counts those for addresses.
func says(address string, queries *atomic.Int32) dns.HandlerFunc {
	return func(w dns.ResponseWriter, r *dns.Msg) {
		if r.Question[0].Qtype == dns.TypeA {
			queries.Add(1)
		}
		m := new(dns.Msg).SetReply(r)
		m.Answer = []dns.RR{&dns.A{
			Hdr: dns.RR_Header{Name: r.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60},
			A:   net.ParseIP(address),
		}}
		_ = w.WriteMsg(m)
	}
}

// silent is an address at which nothing answers.
func silent(t *testing.T) string { return freeAddress(t).String() }

func TestOtherNamesAreForwardedAndCached(t *testing.T) {
	var queries atomic.Int32
	f := start(t, resolverWith(t, says("192.0.2.1", &queries)))
	for range 3 {
		if got := f.answer("example.org.", dns.TypeA); got != "192.0.2.1" {
			t.Errorf("answer %q", got)
		}
	}
	if n := queries.Load(); n != 1 {
		t.Errorf("the resolver was asked %d times, want once", n)
	}
}

func TestClustersNamesAreNeverAskedOfOthers(t *testing.T) {
	var queries atomic.Int32
	f := start(t, resolverWith(t, func(w dns.ResponseWriter, r *dns.Msg) {
		if r.Question[0].Qtype == dns.TypeA || r.Question[0].Qtype == dns.TypePTR {
			queries.Add(1)
		}
		_ = w.WriteMsg(new(dns.Msg).SetReply(r))
	}))
	f.answer("web-0.db.default.svc.cluster.local.", dns.TypeA)
	if got := f.answer("77.3.87.10.in-addr.arpa.", dns.TypePTR); got != "NXDOMAIN" {
		t.Errorf("an address of nobody is %q, want NXDOMAIN", got)
	}
	if n := queries.Load(); n != 0 {
		t.Errorf("%d queries went out", n)
	}
	f.answer("1.2.0.192.in-addr.arpa.", dns.TypePTR)
	if n := queries.Load(); n != 1 {
		t.Errorf("an address outside the cluster was asked for %d times, want once", n)
	}
}

func TestResolversAreAskedInTheirOrder(t *testing.T) {
	var first, second atomic.Int32
	f := start(t,
		resolverWith(t, says("192.0.2.1", &first)),
		resolverWith(t, says("192.0.2.2", &second)))
	for _, name := range []string{"a.example.", "b.example.", "c.example.", "d.example."} {
		f.answer(name, dns.TypeA)
	}
	if first.Load() != 4 || second.Load() != 0 {
		t.Errorf("asked %d and %d times, want 4 and 0", first.Load(), second.Load())
	}
}

func TestNextResolverAnswersForADeadOne(t *testing.T) {
	var queries atomic.Int32
	f := start(t, silent(t), resolverWith(t, says("192.0.2.2", &queries)))
	if got := f.answer("example.org.", dns.TypeA); got != "192.0.2.2" {
		t.Errorf("answer %q, want the second resolver's", got)
	}
}

func TestNextResolverAnswersForOneThatWillNot(t *testing.T) {
	for _, rcode := range []int{dns.RcodeServerFailure, dns.RcodeRefused, dns.RcodeNotImplemented} {
		var queries atomic.Int32
		f := start(t, resolverWith(t, saysNo(rcode)), resolverWith(t, says("192.0.2.2", &queries)))
		if got := f.answer("example.org.", dns.TypeA); got != "192.0.2.2" {
			t.Errorf("answer %q after %s, want the second resolver's", got, dns.RcodeToString[rcode])
		}
	}
	var queries atomic.Int32
	f := start(t, resolverWith(t, saysNo(dns.RcodeNameError)), resolverWith(t, says("192.0.2.2", &queries)))
	if got := f.answer("example.org.", dns.TypeA); got != "NXDOMAIN" {
		t.Errorf("answer %q, want the first resolver's, that there is no such name", got)
	}
}

func saysNo(rcode int) dns.HandlerFunc {
	return func(w dns.ResponseWriter, r *dns.Msg) { _ = w.WriteMsg(new(dns.Msg).SetRcode(r, rcode)) }
}

func TestResolversThatChangeAreAskedSoon(t *testing.T) {
	var queries atomic.Int32
	f := start(t, silent(t))
	second := resolverWith(t, says("192.0.2.2", &queries))
	if err := os.WriteFile(f.server.cfg.ResolvConf, []byte("nameserver "+second+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	within(t, 30*time.Second, "answered by the machine's new resolver", func() bool {
		return f.answer("example.org.", dns.TypeA) == "192.0.2.2"
	})
}

func TestWithoutResolversOtherNamesAreRefused(t *testing.T) {
	_, client := startAPI(t)
	log := &lines{}
	s := New(Config{
		Client: client, Address: freeAddress(t), Domain: "cluster.local",
		ResolvConf: filepath.Join(t.TempDir(), "missing"), Log: log.logger(),
	})
	run(t, s)
	f := fixture{T: t, server: s}
	if got := f.answer("example.org.", dns.TypeA); got != "REFUSED" {
		t.Errorf("answer %q, want REFUSED", got)
	}
	if !log.contains("No resolver for names outside the cluster") {
		t.Errorf("the log says nothing of it: %q", log.all)
	}
}

func TestOwnAddressAndNonsenseAreNoResolvers(t *testing.T) {
	self := freeAddress(t)
	log := &lines{}
	got := resolvers(resolvConf(t, self.String(), "example", "192.0.2.1", "2001:db8::1"), self, log.logger())
	if len(got) != 2 || got[0] != "192.0.2.1:53" || got[1] != "[2001:db8::1]:53" {
		t.Errorf("resolvers %q", got)
	}
	for _, want := range []string{"because it is this server", "because it is no address"} {
		if !log.contains(want) {
			t.Errorf("the log does not say %q: %q", want, log.all)
		}
	}
}

func TestResolverThatAsksBackIsNoticed(t *testing.T) {
	var server atomic.Pointer[string]
	back := resolverWith(t, func(w dns.ResponseWriter, r *dns.Msg) {
		if to := server.Load(); to != nil {
			if answer, err := dns.Exchange(r, *to); err == nil {
				_ = w.WriteMsg(answer)
			}
		}
	})
	api, client := startAPI(t)
	log := &lines{}
	s := New(Config{Client: client, Address: freeAddress(t), Domain: "cluster.local", ResolvConf: resolvConf(t, back), Log: log.logger()})
	address := s.cfg.Address.String()
	server.Store(&address)
	run(t, s)

	within(t, 5*time.Second, "noticed", func() bool { return log.contains("sends queries back") })
	f := fixture{T: t, server: s}
	if got := f.answer("example.org.", dns.TypeA); got != "REFUSED" {
		t.Errorf("answer %q, want REFUSED", got)
	}
	api.put(headless())
	api.put(slice(endpoint("web-0", "10.87.0.5")))
	within(t, time.Second, "served all the same", func() bool {
		return f.answer("web-0.db.default.svc.cluster.local.", dns.TypeA) == "10.87.0.5"
	})
}
