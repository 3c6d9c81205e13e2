package apiclient

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"ordinal.dev/ordinal/internal/fence"
)

func TestEachRequestAsTheAccountMayReachAnotherAPIServer(t *testing.T) {
	var mu sync.Mutex
	connections, users := map[string]bool{}, map[string]bool{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		connections[r.RemoteAddr], users[r.Header.Get("Impersonate-User")] = true, true
		if r.ProtoMajor != 2 {
			t.Errorf("%s is not what API servers are spoken to with", r.Proto)
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()

	client, err := rest.HTTPClientFor(AsInTree(&rest.Config{Host: server.URL, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}))
	if err != nil {
		t.Fatal(err)
	}
	const requests = 4
	for range requests {
		response, err := client.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	if len(connections) != requests || len(users) != 1 || !users[fence.Account] {
		t.Errorf("%d connections for %d requests, as %v", len(connections), requests, users)
	}
}
