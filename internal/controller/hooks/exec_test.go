package hooks

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/plan"
)

// proxy answers every request itself, as what stands between a controller and its API server
// may: no WebSocket comes of that.
type proxy struct{ status int }

func (p proxy) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: p.status, Status: http.StatusText(p.status), Proto: "HTTP/1.1", Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(""))}, nil
}

func TestAnAnswerInTheAPIServersPlaceIsAHookThatFailed(t *testing.T) {
	for _, status := range []int{http.StatusOK, http.StatusBadGateway, http.StatusTooManyRequests} {
		config := &rest.Config{Host: "https://nowhere.invalid"}
		config.Wrap(func(http.RoundTripper) http.RoundTripper { return proxy{status} })
		c, err := NewCaller(config, fake.NewClientBuilder().WithObjects(pod.DeepCopy()).Build())
		if err != nil {
			t.Fatal(err)
		}
		a := c.Call(t.Context(), plan.HookCall{
			Name: "inSync", Pod: pod, Exec: &v1alpha1.ExecAction{Container: "app", Command: []string{"true"}}, Timeout: 10 * time.Second,
		})
		if a.OK || a.Output == "" {
			t.Errorf("answered by %d, the hook ended as %+v", status, a)
		}
	}
}
