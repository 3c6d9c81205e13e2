package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/tools/clientcmd"

	"ordinal.dev/ordinal/internal/controller"
)

// sickSeed is the environment's word for a sick API: with it, a tenth of what the
// controller asks of the API server goes wrong. What goes wrong follows from the
// seed and from the order of the requests.
const sickSeed = "ORDINAL_SICK_SEED"

// A fault is a way in which a request goes wrong.
type fault string

const (
	fails       fault = "answered with 500, and not done"
	throttled   fault = "answered with 429, and not done"
	unsent      fault = "lost on the way"
	delayed     fault = "delayed"
	unanswered  fault = "done, and the answer lost"
	doneTwice   fault = "done twice"
	interrupted fault = "watches cut off"
)

// These are what may befall a request. A watch is never done twice nor unanswered.
// An event that the API server refuses is lost, since client-go does not send it
// again: nothing may depend on events, but the tests ask for them.
var (
	ofRequests = []fault{fails, throttled, unsent, delayed, unanswered, doneTwice}
	ofWatches  = []fault{fails, throttled, unsent, delayed}
	ofEvents   = []fault{delayed, doneTwice}
)

const (
	// oneIn is how many requests one goes wrong of.
	oneIn = 10
	// longestDelay is how long a request may be held up.
	longestDelay = 300 * time.Millisecond
	// longestWatch is when the last of the watches is cut off that are.
	longestWatch = 10 * time.Second
)

// sickness is what goes wrong on the connections of a controller.
type sickness struct {
	mu       sync.Mutex
	rand     *rand.Rand
	requests int
	faults   map[fault]int
}

// sickConnection is one of them. A controller has several, and not all are of one kind.
type sickConnection struct {
	*sickness
	healthy http.RoundTripper
}

// sickController runs the controller on a connection that is sick, until stop is
// called, which tells what has gone wrong.
func sickController(kubeconfig, seed string) (stop func() error, err error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(seed, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", sickSeed, err)
	}
	sick := &sickness{rand: rand.New(rand.NewPCG(n, 0x51c4)), faults: map[fault]int{}}
	config.Wrap(func(healthy http.RoundTripper) http.RoundTripper {
		return sickConnection{sick, healthy}
	})
	options := controller.DefaultOptions()
	options.Logger = logr.Discard()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- controller.Run(ctx, config, options) }()
	return func() error {
		cancel()
		err := <-ended
		fmt.Fprintln(os.Stderr, sick)
		return err
	}, nil
}

// RoundTrip implements http.RoundTripper.
func (s sickConnection) RoundTrip(request *http.Request) (*http.Response, error) {
	watch := request.URL.Query().Get("watch") != ""
	choice := ofRequests
	switch {
	case watch:
		choice = ofWatches
	case strings.Contains(request.URL.Path, "/events"):
		choice = ofEvents
	}
	f, delay, cut := s.next(choice, watch)
	switch f {
	case fails:
		return refusal(request, http.StatusInternalServerError), nil
	case throttled:
		return refusal(request, http.StatusTooManyRequests), nil
	case unsent:
		return nil, reset()
	case delayed:
		if err := pause(request.Context(), delay); err != nil {
			return nil, err
		}
	case unanswered:
		if err := s.send(request); err != nil {
			return nil, err
		}
		return nil, reset()
	case doneTwice:
		if err := s.send(request); err != nil {
			return nil, err
		}
	}
	response, err := s.healthy.RoundTrip(request)
	if err == nil && cut > 0 {
		body := response.Body
		time.AfterFunc(cut, func() { body.Close() })
	}
	return response, err
}

// next is what goes wrong with the next request, of some choice. A watch is cut off
// some time later, three times in four.
func (s *sickness) next(choice []fault, watch bool) (f fault, delay, cut time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if s.rand.IntN(oneIn) == 0 {
		f = choice[s.rand.IntN(len(choice))]
		s.faults[f]++
	}
	if watch && s.rand.IntN(4) > 0 {
		s.faults[interrupted]++
		cut = time.Duration(s.rand.Int64N(int64(longestWatch)))
	}
	return f, time.Duration(s.rand.Int64N(int64(longestDelay))), cut
}

// send sends a request of which the answer is not wanted, and leaves it fit to be
// sent again.
func (s sickConnection) send(request *http.Request) error {
	first := request.Clone(request.Context())
	if request.Body != nil {
		data, err := io.ReadAll(request.Body)
		if err != nil {
			return err
		}
		first.Body, request.Body = io.NopCloser(bytes.NewReader(data)), io.NopCloser(bytes.NewReader(data))
	}
	response, err := s.healthy.RoundTrip(first)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return errors.Join(err, response.Body.Close())
}

// String tells what has gone wrong so far.
func (s *sickness) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var parts []string
	for f, n := range s.faults {
		parts = append(parts, fmt.Sprintf("%d %s", n, f))
	}
	slices.Sort(parts)
	return fmt.Sprintf("a sick API: of %d requests %s", s.requests, strings.Join(parts, ", "))
}

func reset() error { return &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET} }

func refusal(request *http.Request, code int) *http.Response {
	if request.Body != nil {
		request.Body.Close()
	}
	status := fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"the API is sick","code":%d}`, code)
	header := http.Header{"Content-Type": {"application/json"}}
	if code == http.StatusTooManyRequests {
		header.Set("Retry-After", "1")
	}
	return &http.Response{
		Status: http.StatusText(code), StatusCode: code, Proto: "HTTP/2.0", ProtoMajor: 2, Header: header, Request: request,
		Body: io.NopCloser(strings.NewReader(status)), ContentLength: int64(len(status)),
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
