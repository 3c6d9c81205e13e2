// Package news records a component's events so that they give way to its work.
//
// An event is a write like any other. A scheduler that has one written for each pod
// writes two for each pod, and makes all wait that is asked of the API server. So
// ordinary events come as there is room for them; those that do not find any within
// a minute are not written, as upstream drops what its queue has no room for.
// Warnings never wait. An event that came late still has the time of what it tells.
package news

import (
	"context"
	"time"

	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/scheme"
	eventsclient "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/record"
)

const (
	// atOnce and perSecond are also what the StatefulSet controller's events have.
	atOnce, perSecond = 50, 20
	// longestWait bounds how many wait at a time: 1200.
	longestWait = time.Minute
)

// Broadcaster is the events.EventBroadcasterAdapter of a component that elects no
// leader.
type Broadcaster struct{ broadcaster events.EventBroadcaster }

// NewBroadcaster returns one that writes to the API.
func NewBroadcaster(to eventsclient.EventsV1Interface) *Broadcaster {
	return &Broadcaster{events.NewBroadcaster(newSink(&events.EventSinkImpl{Interface: to}))}
}

// StartRecordingToSink implements events.EventBroadcasterAdapter.
func (b *Broadcaster) StartRecordingToSink(stop <-chan struct{}) {
	// It fails after Shutdown only, when nothing is to be recorded any more.
	_ = b.broadcaster.StartRecordingToSinkWithContext(wait.ContextForChannel(stop))
}

// NewRecorder implements events.EventBroadcasterAdapter.
func (b *Broadcaster) NewRecorder(component string) events.EventRecorderLogger {
	return b.broadcaster.NewRecorder(scheme.Scheme, component)
}

// DeprecatedNewLegacyRecorder implements events.EventBroadcasterAdapter. Only the
// election of a leader needs it.
func (b *Broadcaster) DeprecatedNewLegacyRecorder(string) record.EventRecorderLogger { return nil }

// Shutdown implements events.EventBroadcasterAdapter.
func (b *Broadcaster) Shutdown() { b.broadcaster.Shutdown() }

// sink lets new events wait for room.
type sink struct {
	events.EventSink
	room *rate.Limiter
}

func newSink(to events.EventSink) *sink { return &sink{to, rate.NewLimiter(perSecond, atOnce)} }

// Create returns the event as it is where it is not written.
func (s *sink) Create(ctx context.Context, event *eventsv1.Event) (*eventsv1.Event, error) {
	if event.Type != corev1.EventTypeWarning && !s.waited(ctx) {
		return event, nil
	}
	return s.EventSink.Create(ctx, event)
}

// waited reports whether there was room for an event in time.
func (s *sink) waited(ctx context.Context) bool {
	turn := s.room.Reserve()
	if turn.Delay() > longestWait {
		turn.Cancel()
		return false
	}
	select {
	case <-time.After(turn.Delay()):
		return true
	case <-ctx.Done():
		return false
	}
}
