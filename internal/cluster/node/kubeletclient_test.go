package node

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// behind answers with these statuses, one a request, and notes what it was sent.
func behind(t *testing.T, statuses ...int) (url string, sent *[]string) {
	t.Helper()
	sent = new([]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*sent = append(*sent, r.Method+" "+string(body))
		w.WriteHeader(statuses[min(len(*sent), len(statuses))-1])
	}))
	t.Cleanup(server.Close)
	return server.URL, sent
}

func TestTheKubeletAsksAgainWhereTheAPIServerIsBehind(t *testing.T) {
	for name, test := range map[string]struct {
		method, path string
		statuses     []int
		asked, want  int
	}{
		"a claim":                    {"GET", "/api/v1/namespaces/a/persistentvolumeclaims/data-web-0", []int{403, 403, 200}, 3, 200},
		"a watch of one Secret":      {"GET", "/api/v1/namespaces/a/secrets?watch=true", []int{403, 200}, 2, 200},
		"a token of a new pod":       {"POST", "/api/v1/namespaces/a/serviceaccounts/web/token", []int{403, 404, 409, 201}, 4, 201},
		"a claim that is not there":  {"GET", "/api/v1/namespaces/a/persistentvolumeclaims/data-web-0", []int{404}, 1, 404},
		"a write that is refused":    {"PATCH", "/api/v1/namespaces/a/pods/web-0/status", []int{403}, 1, 403},
		"an event that is refused":   {"POST", "/api/v1/namespaces/a/events", []int{403}, 1, 403},
		"what the server cannot say": {"GET", "/api/v1/namespaces/a/secrets/x", []int{500}, 1, 500},
	} {
		t.Run(name, func(t *testing.T) {
			url, sent := behind(t, test.statuses...)
			request, err := http.NewRequest(test.method, url+test.path, strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			response, err := (&patient{ctx: t.Context(), next: http.DefaultTransport}).RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != test.want || len(*sent) != test.asked {
				t.Errorf("answered %d after %d requests, want %d after %d", response.StatusCode, len(*sent), test.want, test.asked)
			}
			for _, s := range *sent {
				if s != test.method+" body" {
					t.Errorf("sent %q", s)
				}
			}
		})
	}
}

func TestARefusalIsTakenInTheEnd(t *testing.T) {
	url, sent := behind(t, 403)
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := roundTripper(func(r *http.Request) (*http.Response, error) {
		response, err := http.DefaultTransport.RoundTrip(r)
		if len(*sent) == 3 {
			cancel() // who asked has no more time
		}
		return response, err
	})
	response, err := (&patient{ctx: t.Context(), next: transport}).RoundTrip(request)
	if err != nil || response.StatusCode != 403 || len(*sent) != 3 {
		t.Fatalf("after %d requests %v, %v", len(*sent), response, err)
	}
	response.Body.Close()
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAKubeletThatHasEndedTellsTheAPINothing(t *testing.T) {
	url, sent := behind(t, 200)
	ctx, end := context.WithCancel(t.Context())
	end()
	request, err := http.NewRequest("PATCH", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&patient{ctx: ctx, next: http.DefaultTransport}).RoundTrip(request)
	if !errors.Is(err, errKubeletEnded) || len(*sent) > 0 {
		t.Errorf("sent %q, and got %v, %v", *sent, response, err)
	}
}
