package controller

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/go-logr/logr"
)

const (
	// firstLook and lastLook bound the pauses between looks whether an API server
	// that could not be reached is back.
	firstLook = 100 * time.Millisecond
	lastLook  = 2 * time.Second
)

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
func (p *patient) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := p.next.RoundTrip(request)
	if request.Method != http.MethodGet {
		return response, err
	}
	for pause := firstLook; err != nil; pause = min(2*pause, lastLook) {
		if !wait(request.Context(), pause/2+rand.N(pause/2)) {
			return nil, err
		}
		if response, err = p.next.RoundTrip(request); err != nil && request.Context().Err() == nil {
			p.outage.goesOn(err)
		}
	}
	p.outage.over()
	if request.URL.Query().Get("watch") != "" {
		response.Body = watchBody{response.Body}
	}
	return response, nil
}

// WrappedRoundTripper lets client-go find the connection, to close it.
func (p *patient) WrappedRoundTripper() http.RoundTripper { return p.next }

// outage is one that may be, of all connections of a controller: leader election has
// its own.
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

// wait reports whether the time has passed before the context's end.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
