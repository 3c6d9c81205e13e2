package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// electEvery is how often a pod looks who leads.
const electEvery = time.Second

// An election decides which of the pods leads, as far as a demonstration needs it: whoever
// leads goes on, a leader that is told to hands over, and where nobody leads, the first pod
// that answers does.
type election struct {
	hostname string
	leads    atomic.Bool
	peers    func(context.Context) ([]peer, error)
	client   *http.Client
}

func (e *election) role() string {
	if e.leads.Load() {
		return "leader"
	}
	return "follower"
}

// handle adds the pages of an election.
func (e *election) handle(mux *http.ServeMux) {
	mux.HandleFunc("GET /role", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, e.role()) })
	mux.HandleFunc("POST /lead", func(http.ResponseWriter, *http.Request) { e.leads.Store(true) })
	mux.HandleFunc("POST /hand-over", func(w http.ResponseWriter, r *http.Request) {
		if err := e.handOver(r.Context(), r.URL.Query().Get("to")); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		fmt.Fprintln(w, "handed over to "+r.URL.Query().Get("to"))
	})
}

// handOver makes another pod the leader. One that does not lead has nothing to hand over,
// which is what its caller wants.
func (e *election) handOver(ctx context.Context, to string) error {
	if !e.leads.Load() {
		return nil
	}
	peers, err := e.peers(ctx)
	if err != nil {
		return err
	}
	for _, p := range peers {
		if name, _, _ := strings.Cut(p.Name, "."); name == to && to != e.hostname {
			if _, err := e.ask(ctx, http.MethodPost, p, "/lead"); err != nil {
				return err
			}
			e.leads.Store(false)
			return nil
		}
	}
	return errors.New("there is no other pod " + to)
}

// run looks who leads until the context ends.
func (e *election) run(ctx context.Context) {
	tick := time.NewTicker(electEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			e.look(ctx)
		}
	}
}

// look leads if nobody does and no pod before this one answers, and steps back for a leader
// before this one.
func (e *election) look(ctx context.Context) {
	peers, err := e.peers(ctx)
	if err != nil {
		return // without names there is no group yet
	}
	led, first := false, true
	for _, p := range peers {
		name, _, _ := strings.Cut(p.Name, ".")
		if name == e.hostname {
			continue
		}
		role, err := e.ask(ctx, http.MethodGet, p, "/role")
		if err != nil {
			continue
		}
		isBefore := name < e.hostname
		if role == "leader" && isBefore && e.leads.Load() {
			e.leads.Store(false)
		}
		led, first = led || role == "leader", first && !isBefore
	}
	if !led && first {
		e.leads.Store(true)
	}
}

func (e *election) ask(ctx context.Context, method string, p peer, path string) (string, error) {
	target := url.URL{Scheme: "http", Host: net.JoinHostPort(p.Name, strconv.Itoa(int(p.Port))), Path: path}
	request, err := http.NewRequestWithContext(ctx, method, target.String(), nil)
	if err != nil {
		return "", err
	}
	response, err := e.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1024))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s", p.Name, response.Status)
	}
	return strings.TrimSpace(string(body)), err
}
