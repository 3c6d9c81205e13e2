package dns

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// fixture is a running server with its API and its log.
type fixture struct {
	*testing.T
	api    *fakeAPI
	server *Server
	logged *lines
}

// start runs a server with these resolvers until the test ends.
func start(t *testing.T, resolvers ...string) fixture {
	t.Helper()
	api, client := startAPI(t)
	f := fixture{T: t, api: api, logged: &lines{}}
	f.server = New(Config{
		Client:     client,
		Address:    freeAddress(t),
		Domain:     "cluster.local",
		Ranges:     []netip.Prefix{netip.MustParsePrefix("10.87.0.0/16"), netip.MustParsePrefix("10.88.0.0/16")},
		ResolvConf: resolvConf(t, resolvers...),
		Log:        f.logged.logger(),
	})
	run(t, f.server)
	return f
}

// run runs the server until the test ends, and waits until it is ready.
func run(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	within(t, 10*time.Second, "ready", func() bool { return s.Ready(t.Context()) == nil })
}

func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not %s within %s", what, limit)
		case <-tick.C:
		}
	}
}

type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) add(_, args string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, args)
}

func (l *lines) logger() logr.Logger { return funcr.New(l.add, funcr.Options{}) }

func (l *lines) contains(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.all, func(line string) bool { return strings.Contains(line, s) })
}

// freeAddress is a loopback address free for UDP and TCP.
func freeAddress(t *testing.T) netip.AddrPort {
	t.Helper()
	for range 10 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer tcp.Close()
		if udp, err := net.ListenPacket("udp", tcp.Addr().String()); err == nil {
			udp.Close()
			return netip.MustParseAddrPort(tcp.Addr().String())
		}
	}
	t.Fatal("no port is free for both UDP and TCP")
	return netip.AddrPort{}
}

// resolvConf is a file with these resolvers.
func resolvConf(t *testing.T, addresses ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "resolv.conf")
	var text strings.Builder
	for _, a := range addresses {
		fmt.Fprintf(&text, "nameserver %s\n", a)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (f fixture) ask(network, name string, kind uint16) *dns.Msg {
	f.Helper()
	client := dns.Client{Net: network, Timeout: 5 * time.Second}
	answer, _, err := client.Exchange(new(dns.Msg).SetQuestion(name, kind), f.server.cfg.Address.String())
	if err != nil {
		f.Fatalf("%s %s: %v", dns.TypeToString[kind], name, err)
	}
	return answer
}

// answer is what name resolves to, sorted: the data of its records, or the
// response code.
func (f fixture) answer(name string, kind uint16) string {
	f.Helper()
	return told(f.ask("udp", name, kind))
}

func told(m *dns.Msg) string {
	if m.Rcode != dns.RcodeSuccess {
		return dns.RcodeToString[m.Rcode]
	}
	var data []string
	for _, rr := range m.Answer {
		data = append(data, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	slices.Sort(data)
	return strings.Join(data, ", ")
}

func TestNamesOfTheCluster(t *testing.T) {
	f := start(t)
	f.api.put(headless())
	f.api.put(slice(endpoint("web-0", "10.87.0.5"), endpoint("web-1", "10.87.0.6")))
	f.api.put(&corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "front"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, ClusterIP: "10.88.0.9", ClusterIPs: []string{"10.88.0.9"}},
	})
	within(t, time.Second, "all read", func() bool {
		return f.answer("web-1.db.default.svc.cluster.local.", dns.TypeA) == "10.87.0.6" &&
			f.answer("front.default.svc.cluster.local.", dns.TypeA) != "NXDOMAIN"
	})
	for _, tc := range []struct {
		name string
		kind uint16
		want string
	}{
		{"web-0.db.default.svc.cluster.local.", dns.TypeA, "10.87.0.5"},
		{"web-0.db.default.svc.cluster.local.", dns.TypeAAAA, ""},
		{"db.default.svc.cluster.local.", dns.TypeA, "10.87.0.5, 10.87.0.6"},
		{"front.default.svc.cluster.local.", dns.TypeA, "10.88.0.9"},
		{"_http._tcp.db.default.svc.cluster.local.", dns.TypeSRV,
			"0 50 8080 web-0.db.default.svc.cluster.local., 0 50 8080 web-1.db.default.svc.cluster.local."},
		{"5.0.87.10.in-addr.arpa.", dns.TypePTR, "web-0.db.default.svc.cluster.local."},
		{"9.0.88.10.in-addr.arpa.", dns.TypePTR, "front.default.svc.cluster.local."},
		{"10-87-0-5.default.pod.cluster.local.", dns.TypeA, "10.87.0.5"},
		{"web-7.db.default.svc.cluster.local.", dns.TypeA, "NXDOMAIN"},
		{"db.nowhere.svc.cluster.local.", dns.TypeA, "NXDOMAIN"},
	} {
		if got := f.answer(tc.name, tc.kind); got != tc.want {
			t.Errorf("%s %s: %q, want %q", dns.TypeToString[tc.kind], tc.name, got, tc.want)
		}
	}
	if got := told(f.ask("tcp", "web-0.db.default.svc.cluster.local.", dns.TypeA)); got != "10.87.0.5" {
		t.Errorf("over TCP: %q", got)
	}
}

func TestClustersAnswersAreCachedNowhere(t *testing.T) {
	f := start(t)
	f.api.put(headless())
	const name = "web-0.db.default.svc.cluster.local."
	resolves := func(want string) func() bool {
		return func() bool { return f.answer(name, dns.TypeA) == want }
	}
	if got := f.answer(name, dns.TypeA); got != "NXDOMAIN" {
		t.Fatalf("before it exists: %q", got)
	}
	f.api.put(slice(endpoint("web-0", "10.87.0.5")))
	within(t, time.Second, "resolved after it was denied", resolves("10.87.0.5"))
	f.api.put(slice(endpoint("web-0", "10.87.0.8")))
	within(t, time.Second, "at its new address", resolves("10.87.0.8"))

	if ttl := f.ask("udp", name, dns.TypeA).Answer[0].Header().Ttl; ttl != 0 {
		t.Errorf("TTL %d, so that clients keep it", ttl)
	}
	f.api.remove(slice())
	within(t, time.Second, "gone", resolves("NXDOMAIN"))
}

func TestPeersResolveBeforeTheyAreReady(t *testing.T) {
	f := start(t)
	f.api.put(headless())
	// What the endpoints controller makes of a pod that is not Ready, when
	// the Service publishes such addresses and when it does not.
	published, hidden := endpoint("web-0", "10.87.0.5"), endpoint("web-1", "10.87.0.6")
	published.Conditions.Serving = ptr.To(false)
	hidden.Conditions.Ready, hidden.Conditions.Serving = ptr.To(false), ptr.To(false)
	f.api.put(slice(published, hidden))

	within(t, time.Second, "resolved", func() bool {
		return f.answer("web-0.db.default.svc.cluster.local.", dns.TypeA) == "10.87.0.5"
	})
	if got := f.answer("web-1.db.default.svc.cluster.local.", dns.TypeA); got != "NXDOMAIN" {
		t.Errorf("an address that is not published: %q", got)
	}
}

func TestServerStartsAgainInTheSameProcess(t *testing.T) {
	_, client := startAPI(t)
	address := freeAddress(t)
	for range 3 {
		t.Run("", func(t *testing.T) {
			run(t, New(Config{Client: client, Address: address, Domain: "cluster.local", ResolvConf: resolvConf(t)}))
		})
	}
}

func TestRunEndsAlsoWhenItHadNoTimeToStart(t *testing.T) {
	_, client := startAPI(t)
	address := freeAddress(t)
	for i := range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		stop := time.AfterFunc(time.Duration(i)*100*time.Microsecond, cancel)
		if err := New(Config{Client: client, Address: address, Domain: "cluster.local", ResolvConf: resolvConf(t)}).Run(ctx); err != nil {
			t.Errorf("ended after %s: %v", time.Duration(i)*100*time.Microsecond, err)
		}
		stop.Stop()
	}
}

func TestPortInUseIsNamed(t *testing.T) {
	f := start(t)
	err := New(f.server.cfg).Run(t.Context())
	want := "another process answers at " + f.server.cfg.Address.String()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestReadyOnlyWhenTheAPIIsRead(t *testing.T) {
	_, client := startAPI(t)
	unreachable := *client
	unreachable.Host = "http://127.0.0.1:1"
	s := New(Config{Client: &unreachable, Address: freeAddress(t), Domain: "cluster.local", ResolvConf: resolvConf(t)})
	if s.Ready(t.Context()) == nil {
		t.Error("ready before Run")
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	f := fixture{T: t, server: s}
	within(t, 5*time.Second, "listening", func() bool { return s.cluster.Load() != nil })
	if err := s.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "reading") {
		t.Errorf("without the API: %v", err)
	}
	if got := f.answer("db.default.svc.cluster.local.", dns.TypeA); got != "SERVFAIL" {
		t.Errorf("without the API a name is %s, which a client would believe", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}
