package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
)

// group is a few pods of an election, each at an address of its own.
type group struct {
	pods  []*election
	peers []peer
}

func newGroup(t *testing.T, n int) *group {
	t.Helper()
	g := &group{}
	for i := range n {
		e := &election{
			hostname: "web-" + strconv.Itoa(i), client: &http.Client{Transport: g},
			peers: func(context.Context) ([]peer, error) { return g.peers, nil },
		}
		mux := http.NewServeMux()
		e.handle(mux)
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		target, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		port, err := strconv.ParseUint(target.Port(), 10, 16)
		if err != nil {
			t.Fatal(err)
		}
		g.pods, g.peers = append(g.pods, e), append(g.peers, peer{Name: e.hostname + ".web", Port: uint16(port)})
	}
	return g
}

// RoundTrip finds every pod at this machine.
func (g *group) RoundTrip(r *http.Request) (*http.Response, error) {
	r.URL.Host = "127.0.0.1:" + r.URL.Port()
	return http.DefaultTransport.RoundTrip(r)
}

func (g *group) leaders() (names []string) {
	for _, e := range g.pods {
		if e.role() == "leader" {
			names = append(names, e.hostname)
		}
	}
	return names
}

func (g *group) want(t *testing.T, when, leader string) {
	t.Helper()
	if got := g.leaders(); len(got) != 1 || got[0] != leader {
		t.Errorf("%s, %v lead, want %s", when, got, leader)
	}
}

func TestOneLeads(t *testing.T) {
	g := newGroup(t, 3)
	for _, e := range []int{2, 1, 0, 2} {
		g.pods[e].look(t.Context())
	}
	g.want(t, "where nobody did", "web-0")
	g.pods[1].leads.Store(true)
	g.pods[1].look(t.Context())
	g.want(t, "where two did", "web-0")
}

func TestALeaderHandsOver(t *testing.T) {
	g := newGroup(t, 3)
	g.pods[2].leads.Store(true)
	if err := g.pods[2].handOver(t.Context(), "web-9"); err == nil {
		t.Error("it handed over to a pod that there is not")
	}
	g.want(t, "after it could not hand over", "web-2")
	for range 2 { // as often as it is asked
		if err := g.pods[2].handOver(t.Context(), "web-1"); err != nil {
			t.Error(err)
		}
	}
	g.want(t, "after it has handed over", "web-1")
	g.pods[0].look(t.Context())
	g.want(t, "though another is before it", "web-1")
}
