package apiclient

import (
	"net/http"

	"k8s.io/client-go/rest"

	"ordinal.dev/ordinal/internal/fence"
)

// AsInTree acts as the in-tree controller's account. Each request has a connection of its
// own: a cluster may have several API servers behind one address, and one connection would
// ask one of them alone.
func AsInTree(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.Impersonate = rest.ImpersonationConfig{UserName: fence.Account}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return alone{next} })
	return config
}

// alone closes the connection after each request.
type alone struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (a alone) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Close = true
	return a.next.RoundTrip(r)
}
