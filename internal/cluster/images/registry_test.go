package images

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// asMirror adds to each request what containerd adds for a mirror.
type asMirror struct{ host string }

func (m asMirror) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	query := r.URL.Query()
	query.Set("ns", m.host)
	r.URL.RawQuery = query.Encode()
	return http.DefaultTransport.RoundTrip(r)
}

// pulled pulls an image by its full name through the registry, as a client of
// the distribution specification does, and checks all of it.
func pulled(t *testing.T, s *Store, full string) v1.Image {
	t.Helper()
	server := httptest.NewServer(handler{s})
	t.Cleanup(server.Close)
	host, rest, _ := strings.Cut(full, "/")
	ref := must(name.ParseReference(strings.TrimPrefix(server.URL, "http://")+"/"+rest, name.Insecure))(t)
	img := must(remote.Image(ref, remote.WithTransport(asMirror{host}),
		remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH})))(t)
	if err := validate.Image(img, validate.Fast); err != nil {
		t.Error(err)
	}
	for _, layer := range must(img.Layers())(t) {
		// The client compares what it reads with the digest.
		must(io.Copy(io.Discard, must(layer.Compressed())(t)))(t)
	}
	return img
}

// answer is the registry's to one request.
func answer(s *Store, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler{s}.ServeHTTP(w, r)
	return w
}

func TestTwoRegistriesMayHoldARepositoryOfOneName(t *testing.T) {
	s := newStore(t)
	ours, theirs := image(t, runtime.GOARCH), image(t, runtime.GOARCH)
	must(s.Load(t.Context(), Load{Path: fileOf(t, dockerSave(t, map[string]v1.Image{
		"quay.io/a/b:1": ours, "ghcr.io/a/b:1": theirs,
	}))}))(t)
	for name, want := range map[string]v1.Image{"quay.io/a/b:1": ours, "ghcr.io/a/b:1": theirs} {
		if got := must(pulled(t, s, name).ConfigName())(t); got != must(want.ConfigName())(t) {
			t.Errorf("%s is the other's image", name)
		}
	}
}

func TestWhatWasNotLoadedIsNotFound(t *testing.T) {
	s := newStore(t)
	must(s.Load(t.Context(), Load{Path: fileOf(t, dockerSave(t, map[string]v1.Image{"my-image": image(t, runtime.GOARCH)}))}))(t)
	nowhere := "sha256:" + strings.Repeat("0", 64)
	for target, want := range map[string]int{
		"/v2/": http.StatusOK,
		"/v2/library/my-image/manifests/latest?ns=docker.io":     http.StatusOK,
		"/v2/library/my-image/manifests/latest?ns=quay.io":       http.StatusNotFound,
		"/v2/library/my-image/manifests/latest":                  http.StatusNotFound,
		"/v2/library/my-image/manifests/v2?ns=docker.io":         http.StatusNotFound,
		"/v2/library/other/manifests/latest?ns=docker.io":        http.StatusNotFound,
		"/v2/library/my-image/manifests/" + nowhere:              http.StatusNotFound,
		"/v2/library/my-image/manifests/sha256:x":                http.StatusNotFound,
		"/v2/library/my-image/blobs/" + nowhere:                  http.StatusNotFound,
		"/v2/library/my-image/blobs/sha256:..%2f..%2findex.json": http.StatusNotFound,
		"/v2/library/my-image/tags/list":                         http.StatusNotFound,
		"/":                                                      http.StatusNotFound,
	} {
		if got := answer(s, "GET", target).Code; got != want {
			t.Errorf("GET %s: %d, want %d", target, got, want)
		}
	}
	if got := answer(s, "PUT", "/v2/library/my-image/manifests/latest?ns=docker.io").Code; got != http.StatusMethodNotAllowed {
		t.Errorf("PUT: %d", got)
	}
}

func TestHeadDescribesWithoutContentAndRangesAreServed(t *testing.T) {
	s := newStore(t)
	img := image(t, runtime.GOARCH)
	must(s.Load(t.Context(), Load{Path: fileOf(t, dockerSave(t, map[string]v1.Image{"my-image": img}))}))(t)

	head := answer(s, "HEAD", "/v2/library/my-image/manifests/latest?ns=docker.io")
	listed := must(s.List())(t)[0]
	if head.Code != http.StatusOK || head.Body.Len() > 0 || head.Header().Get("Content-Length") == "0" ||
		head.Header().Get("Docker-Content-Digest") != listed.Digest.String() ||
		!strings.HasPrefix(head.Header().Get("Content-Type"), "application/vnd.docker.distribution.manifest.v2") {
		t.Errorf("HEAD: %d %v, %d bytes", head.Code, head.Header(), head.Body.Len())
	}

	layer := must(img.Layers())(t)[0]
	whole := must(io.ReadAll(must(layer.Compressed())(t)))(t)
	part := answer(s, "GET", "/v2/library/my-image/blobs/"+must(layer.Digest())(t).String(), "Range", "bytes=10-19")
	if part.Code != http.StatusPartialContent || part.Body.String() != string(whole[10:20]) {
		t.Errorf("range: %d, %d bytes", part.Code, part.Body.Len())
	}
}

// A layout may leave a manifest's media type out of it; the answer must not.
func TestMediaTypeIsToldWhereTheManifestDoesNot(t *testing.T) {
	s := newStore(t)
	for content, want := range map[string]string{
		`{"schemaVersion":2,"layers":[]}`:                     "application/vnd.oci.image.manifest.v1+json",
		`{"schemaVersion":2,"manifests":[]}`:                  "application/vnd.oci.image.index.v1+json",
		`{"schemaVersion":2,"mediaType":"a/b","layers":null}`: "a/b",
	} {
		hash, _, err := v1.SHA256(strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.blobPath(hash), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := answer(s, "GET", "/v2/x/manifests/"+hash.String()).Header().Get("Content-Type"); got != want {
			t.Errorf("%s is served as %q, want %q", content, got, want)
		}
	}
}

func TestRegistryServesUntilItsContextEnds(t *testing.T) {
	lent := httptest.NewTLSServer(nil) // for its certificate
	defer lent.Close()
	listener := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	address := listener.Addr().String()
	listener.Close()

	r := &Registry{Store: newStore(t), Address: address, TLS: &tls.Config{Certificates: lent.TLS.Certificates}}
	if r.Ready(t.Context()) == nil {
		t.Error("ready before it runs")
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	for deadline := time.Now().Add(5 * time.Second); r.Ready(ctx) != nil; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("not ready after 5 seconds")
		}
	}
	response := must(lent.Client().Get("https://" + address + "/v2/"))(t)
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("GET /v2/: %s", response.Status)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	if r.Ready(t.Context()) == nil {
		t.Error("ready after it ended")
	}
}

func TestContainerdIsToldToAskTheMirrorFirst(t *testing.T) {
	dir := t.TempDir()
	if err := (Mirror{Address: "127.0.0.1:5000", CA: "/pki/ca.crt", Cert: "/pki/c.crt", Key: "/pki/c.key"}).WriteHosts(dir); err != nil {
		t.Fatal(err)
	}
	got := must(os.ReadFile(filepath.Join(dir, "_default", "hosts.toml")))(t)
	want := `[host."https://127.0.0.1:5000"]
  capabilities = ["pull", "resolve"]
  ca = "/pki/ca.crt"
  client = [["/pki/c.crt", "/pki/c.key"]]
`
	if string(got) != want {
		t.Errorf("hosts.toml:\n%s\nwant:\n%s", got, want)
	}
}
