package images

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// A Registry is the part of the cluster that serves the store to containerd.
type Registry struct {
	Store   *Store
	Address string // on this machine, host:port

	// TLS holds the registry's certificate and, since what it serves is not
	// public, asks for one of the client.
	TLS *tls.Config

	serving atomic.Bool
}

// Name implements supervisor.Part.
func (r *Registry) Name() string { return "images" }

// Run implements supervisor.Part.
func (r *Registry) Run(ctx context.Context) error {
	listener, err := net.Listen("tcp", r.Address)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           handler{r.Store},
		TLSConfig:         r.TLS,
		ReadHeaderTimeout: 10 * time.Second,
		// Handshakes that strangers on the machine fail at are not worth a log.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	r.serving.Store(true)
	defer r.serving.Store(false)
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Ready implements supervisor.Part.
func (r *Registry) Ready(context.Context) error {
	if !r.serving.Load() {
		return fmt.Errorf("not listening on %s yet", r.Address)
	}
	return nil
}

// Mirror is how containerd reaches the registry.
type Mirror struct {
	Address   string // host:port
	CA        string // file with the authority of the registry's certificate
	Cert, Key string // files of the certificate that containerd shows
}

// WriteHosts writes into containerd's directory of registry hosts (certs.d)
// what has it ask the mirror first for every image. It names no server, which
// leaves the host in the image's name as the one to ask next.
func (m Mirror) WriteHosts(dir string) error {
	content := fmt.Sprintf(`[host."https://%s"]
  capabilities = ["pull", "resolve"]
  ca = %q
  client = [[%q, %q]]
`, m.Address, m.CA, m.Cert, m.Key)
	dir = filepath.Join(dir, "_default")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "hosts.toml"), []byte(content), 0o644)
}

// A handler answers those requests of the OCI distribution specification that
// pull an image.
type handler struct{ store *Store }

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		fail(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "this registry is written by `ordinal load` only")
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/v2/")
	if !ok {
		http.NotFound(w, r)
		return
	}
	if path == "" {
		fmt.Fprintln(w, "{}")
		return
	}
	if repository, reference, ok := cutLast(path, "/manifests/"); ok {
		h.manifest(w, r, repository, reference)
		return
	}
	if _, digest, ok := cutLast(path, "/blobs/"); ok {
		h.blob(w, r, digest)
		return
	}
	http.NotFound(w, r)
}

// cutLast is strings.Cut at the last separator: a repository's name may
// contain it too.
func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

func fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The client has gone if this fails: there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": code, "message": message}}})
}
