package controller

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/wait"
)

// lookAgain are the pauses between looks whether an API server that could not be
// reached is back: a tenth of a second at first, and mostLookAgain at most.
var lookAgain = wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 1, Steps: 10, Cap: mostLookAgain / 2}

const mostLookAgain = 2 * time.Second // the jitter doubles what Cap allows

// patient is a connection on which reads outlast an outage: they are tried again
// until they are answered or not wanted any more. client-go's informers would wait
// twice as long after each failure, up to a minute, each for itself, and be blind for
// as long after the server is back (kubernetes#136943). Writes fail at once, since
// they may have been made; what follows them begins with a read.
type patient struct {
	next   http.RoundTripper
	outage *outage
}

// RoundTrip implements http.RoundTripper.
func (p *patient) RoundTrip(request *http.Request) (response *http.Response, err error) {
	if request.Method != http.MethodGet {
		return p.next.RoundTrip(request)
	}
	again := false
	_ = lookAgain.DelayFunc().Until(request.Context(), true, true, func(ctx context.Context) (bool, error) {
		if response, err = p.next.RoundTrip(request); err == nil {
			err = noServer(response)
		}
		if err != nil && again && ctx.Err() == nil {
			p.outage.goesOn(err)
		}
		again = true
		return err == nil, nil
	})
	if err != nil {
		return nil, err
	}
	p.outage.over()
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

// outage tells the log of an outage, once for all connections of a controller: leader
// election has its own.
type outage struct {
	log logr.Logger

	mu    sync.Mutex
	since time.Time // zero without one
}

func (o *outage) goesOn(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		o.since = time.Now()
		o.log.Info("the API server cannot be reached; nothing is done until it can", "error", err.Error())
	}
}

func (o *outage) over() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.since.IsZero() {
		o.log.Info("the API server can be reached again", "after", time.Since(o.since).Round(time.Second).String())
		o.since = time.Time{}
	}
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
