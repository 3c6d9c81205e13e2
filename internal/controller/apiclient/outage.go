package apiclient

import (
	"sync"
	"time"

	"github.com/go-logr/logr"
)

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
