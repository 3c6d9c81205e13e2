package apiclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/wait"
)

// retryPause are the pauses between tries of an API server that could not be reached: a tenth of a second at first, and longestRetry at most.
var retryPause = wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 1, Steps: 10, Cap: longestRetry / 2}

const longestRetry = 2 * time.Second // the jitter doubles what Cap allows

// RetryReads makes of a connection one on which reads outlast an outage, of which the
// log is told.
func RetryReads(log logr.Logger) func(http.RoundTripper) http.RoundTripper {
	outage := &outage{log: log}
	return func(next http.RoundTripper) http.RoundTripper { return &retryingReads{next, outage} }
}

// retryingReads is a connection on which reads outlast an outage: they are tried again
// until they are answered or not wanted any more. client-go's informers would wait
// twice as long after each failure, up to a minute, each for itself, and be blind for
// as long after the server is back (kubernetes#136943). Writes fail at once, since
// they may have been made; what follows them begins with a read.
type retryingReads struct {
	next   http.RoundTripper
	outage *outage
}

// RoundTrip implements http.RoundTripper.
func (t *retryingReads) RoundTrip(request *http.Request) (response *http.Response, err error) {
	if request.Method != http.MethodGet {
		return t.next.RoundTrip(request)
	}
	again := false
	_ = retryPause.DelayFunc().Until(request.Context(), true, true, func(ctx context.Context) (bool, error) {
		if response, err = t.next.RoundTrip(request); err == nil {
			err = noServer(response)
		}
		if err != nil && again && ctx.Err() == nil {
			t.outage.goesOn(err)
		}
		again = true
		return err == nil, nil
	})
	if err != nil {
		return nil, err
	}
	t.outage.over()
	if request.URL.Query().Get("watch") != "" {
		response.Body = watchBody{response.Body}
	}
	return response, nil
}

// noServer returns an error for an answer that is not the API server's, but that of a
// load balancer which finds none. One that says itself when to come again is obeyed by
// client-go.
func noServer(response *http.Response) error {
	switch response.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		if response.Header.Get("Retry-After") == "" {
			_ = response.Body.Close()
			return errors.New(response.Status)
		}
	}
	return nil
}

// watchBody is a watch, which ends when the connection does. An error would have
// client-go pause before it goes on.
type watchBody struct{ io.ReadCloser }

func (b watchBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		err = io.EOF
	}
	return n, err
}
