package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// shutdownTimeout leaves requests under way a third of the 30 seconds that
// Kubernetes gives a pod to stop.
const shutdownTimeout = 10 * time.Second

// A server answers for one pod.
type server struct {
	hostname string
	service  string // the governing service's domain, "" outside of one
	count    *count
	lookup   lookupSRV
	election *election // nil where nobody leads
}

// A state is the answer to "who are you, and what do you remember?".
type state struct {
	Hostname string `json:"hostname"`
	Ordinal  *int   `json:"ordinal,omitempty"`
	Count    uint64 `json:"count"`
}

func (s *server) state(count uint64) state {
	return state{Hostname: s.hostname, Ordinal: ordinal(s.hostname), Count: count}
}

var ordinalSuffix = regexp.MustCompile(`-(\d+)$`)

// ordinal is the number at the end of a StatefulSet pod's hostname, nil where
// there is none.
func ordinal(hostname string) *int {
	match := ordinalSuffix.FindStringSubmatch(hostname)
	if match == nil {
		return nil
	}
	n, err := strconv.Atoi(match[1])
	if err != nil {
		return nil
	}
	return &n
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	current := func(w http.ResponseWriter, _ *http.Request) { answer(w, s.state(s.count.get())) }
	mux.HandleFunc("GET /{$}", current)
	mux.HandleFunc("GET /count", current)
	mux.HandleFunc("POST /count", func(w http.ResponseWriter, _ *http.Request) {
		value, err := s.count.increment()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(w, s.state(value))
	})
	mux.HandleFunc("GET /peers", func(w http.ResponseWriter, r *http.Request) {
		peers, err := findPeers(r.Context(), s.lookup, s.service)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		answer(w, peers)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	if s.election != nil {
		s.election.handle(mux)
	}
	return mux
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	// The client has gone if this fails: there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(value)
}

// serve answers until ctx ends, then finishes the requests under way.
func (s *server) serve(ctx context.Context, address string, log io.Writer) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintf(log, "%s: serving on %s with count %d\n", s.hostname, listener.Addr(), s.count.get())

	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	fmt.Fprintf(log, "%s: stopping\n", s.hostname)
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := srv.Shutdown(grace); err != nil {
		return fmt.Errorf("requests were still under way: %w", err)
	}
	fmt.Fprintf(log, "%s: stopped with count %d\n", s.hostname, s.count.get())
	return nil
}
