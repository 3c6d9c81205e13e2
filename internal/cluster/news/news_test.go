package news

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/client-go/tools/events"
)

func TestEventsWaitForRoomAndWarningsDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		written := &ledger{}
		s := newSink(written)
		tell := func(kind string, n int) {
			for range n {
				go s.Create(t.Context(), &eventsv1.Event{Type: kind})
			}
			synctest.Wait()
		}
		tell(corev1.EventTypeNormal, 2000)
		written.are(t, 50, "at once")
		tell(corev1.EventTypeWarning, 100)
		written.are(t, 150, "with the warnings")
		time.Sleep(time.Second)
		synctest.Wait()
		written.are(t, 170, "after a second")
		time.Sleep(time.Hour)
		synctest.Wait()
		written.are(t, 150+60*20, "in the end")
		tell(corev1.EventTypeNormal, 1)
		written.are(t, 151+60*20, "when there is room again")
	})
}

func TestEventsThatWaitEndWithTheComponent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		written := &ledger{}
		s := newSink(written)
		ctx, cancel := context.WithCancel(t.Context())
		for range 60 {
			go s.Create(ctx, &eventsv1.Event{Type: corev1.EventTypeNormal})
		}
		synctest.Wait()
		cancel()
		synctest.Wait() // fails if one still waits when the test is over
		written.are(t, 50, "")
	})
}

// ledger counts what is written.
type ledger struct {
	events.EventSink
	n atomic.Int32
}

func (l *ledger) Create(_ context.Context, e *eventsv1.Event) (*eventsv1.Event, error) {
	l.n.Add(1)
	return e, nil
}

func (l *ledger) are(t *testing.T, want int32, when string) {
	t.Helper()
	if got := l.n.Load(); got != want {
		t.Errorf("%s: %d events are written, want %d", when, got, want)
	}
}
