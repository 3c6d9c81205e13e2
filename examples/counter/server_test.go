package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func get(t *testing.T, handler http.Handler, method, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Code, strings.TrimSpace(w.Body.String())
}

func TestServerSaysWhoItIsAndCounts(t *testing.T) {
	h := (&server{hostname: "web-2", count: open(t, t.TempDir())}).handler()
	for _, step := range []struct{ method, path, want string }{
		{"GET", "/", `{"hostname":"web-2","ordinal":2,"count":0}`},
		{"POST", "/count", `{"hostname":"web-2","ordinal":2,"count":1}`},
		{"POST", "/count", `{"hostname":"web-2","ordinal":2,"count":2}`},
		{"GET", "/count", `{"hostname":"web-2","ordinal":2,"count":2}`},
		{"GET", "/healthz", "ok"},
	} {
		if code, body := get(t, h, step.method, step.path); code != http.StatusOK || body != step.want {
			t.Errorf("%s %s: %d %s, want %s", step.method, step.path, code, body, step.want)
		}
	}
	if code, _ := get(t, h, "GET", "/elsewhere"); code != http.StatusNotFound {
		t.Errorf("GET /elsewhere: %d, want 404", code)
	}
}

func TestOrdinalIsTheNumberAtTheEndOfTheHostname(t *testing.T) {
	for hostname, want := range map[string]int{"web-0": 0, "my-set-12": 12, "a-1-2": 2} {
		if got := ordinal(hostname); got == nil || *got != want {
			t.Errorf("ordinal(%q) = %v, want %d", hostname, got, want)
		}
	}
	for _, hostname := range []string{"web", "web-", "web-x", "web1", "web-99999999999999999999"} {
		if got := ordinal(hostname); got != nil {
			t.Errorf("ordinal(%q) = %d, want none", hostname, *got)
		}
	}
}

func TestPeersAreFoundBySRVOfTheGoverningService(t *testing.T) {
	lookup := func(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
		if service != "" || proto != "" || name != "web.default.svc.cluster.local" {
			return "", nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
		}
		return name, []*net.SRV{
			{Target: "web-1.web.default.svc.cluster.local.", Port: 8080},
			{Target: "web-0.web.default.svc.cluster.local.", Port: 8080},
		}, nil
	}
	s := &server{hostname: "web-0", service: "web.default.svc.cluster.local", count: &count{}, lookup: lookup}
	code, body := get(t, s.handler(), "GET", "/peers")
	want := `[{"name":"web-0.web.default.svc.cluster.local","port":8080},{"name":"web-1.web.default.svc.cluster.local","port":8080}]`
	if code != http.StatusOK || body != want {
		t.Errorf("%d %s, want %s", code, body, want)
	}

	s.service = "gone.default.svc.cluster.local"
	if code, body := get(t, s.handler(), "GET", "/peers"); code != http.StatusBadGateway || !strings.Contains(body, "no such host") {
		t.Errorf("unknown service: %d %s", code, body)
	}
	s.service = ""
	if code, body := get(t, s.handler(), "GET", "/peers"); code != http.StatusBadGateway || !strings.Contains(body, "no governing service") {
		t.Errorf("no service: %d %s", code, body)
	}
}

func TestServiceDomainIsReadFromTheHostsFile(t *testing.T) {
	hosts := []byte("127.0.0.1\tlocalhost\n10.87.0.5\tweb-0.web.default.svc.cluster.local\tweb-0\n")
	if got := serviceDomain(hosts, "web-0"); got != "web.default.svc.cluster.local" {
		t.Errorf("domain %q", got)
	}
	if got := serviceDomain(hosts, "web"); got != "" {
		t.Errorf("domain %q of a pod without a governing service", got)
	}
}

// Without arguments and without a volume it serves, and it ends cleanly when
// it is told to: that is all the specification's manifest gives it.
func TestServerEndsCleanlyWhenTold(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	logs, log := io.Pipe()
	served := make(chan error, 1)
	go func() {
		served <- run(ctx, "counter", []string{"serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "none")}, nil, log)
		log.Close()
	}()
	lines := bufio.NewReader(logs)
	first, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address := addressIn(first)

	var out bytes.Buffer
	if err := run(ctx, "counter", []string{"post", "http://" + address + "/count"}, nil, &out); err != nil || !strings.Contains(out.String(), `"count":1`) {
		t.Errorf("post: %v, %s", err, out.String())
	}
	if err := run(ctx, "counter", []string{"get", "http://" + address + "/elsewhere"}, nil, &out); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("get of what is not there: %v, want an error with 404", err)
	}
	stop()
	last, err := io.ReadAll(lines)
	if err != nil || !strings.Contains(string(last), "stopped with count 1") {
		t.Errorf("last words %q, %v", last, err)
	}
	if err := <-served; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestRequestUnderWayIsAnsweredBeforeTheEnd(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := &server{hostname: "web-0", service: "web.", count: &count{}, lookup: func(context.Context, string, string, string) (string, []*net.SRV, error) {
		close(entered)
		<-release
		return "", nil, nil
	}}
	ctx, stop := context.WithCancel(t.Context())
	logs, log := io.Pipe()
	served := make(chan error, 1)
	go func() { served <- s.serve(ctx, "127.0.0.1:0", log) }()
	lines := bufio.NewReader(logs)
	first, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		answered <- run(t.Context(), "counter", []string{"get", "http://" + addressIn(first) + "/peers"}, nil, io.Discard)
	}()
	<-entered
	stop()
	if line, err := lines.ReadString('\n'); err != nil || line != "web-0: stopping\n" {
		t.Errorf("said %q, %v", line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	select {
	case err := <-served:
		t.Fatalf("ended, with %v, before the request was answered", err)
	case <-time.After(50 * time.Millisecond): // time enough for what should not happen
	}
	close(release)
	if err := <-answered; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	if err := <-served; err != nil {
		t.Errorf("ended with %v", err)
	}
}

// addressIn is the address in what a server says when it begins to serve.
func addressIn(line string) string {
	_, address, _ := strings.Cut(line, "serving on ")
	address, _, _ = strings.Cut(address, " ")
	return address
}
