package snapshot

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apifields "k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/plan"
)

const (
	// askEvery is the least pause between two reads of events for one set, and askSeldom
	// the most: what has been in the way for long will be for longer.
	askEvery  = 30 * time.Second
	askSeldom = 5 * time.Minute
	// mostEvents bounds one read. A namespace has a few hundred at most times.
	mostEvents = 2000
)

// A Reporter reads what others recorded in a namespace about objects that a plan asks
// about.
type Reporter func(ctx context.Context, namespace string, asks []plan.Ask) ([]plan.Report, error)

// Reports reads events from the API server, with one LIST.
func Reports(live client.Reader) Reporter {
	return func(ctx context.Context, namespace string, asks []plan.Ask) ([]plan.Report, error) {
		options := []client.ListOption{client.InNamespace(namespace), client.Limit(mostEvents)}
		if len(asks) == 1 { // otherwise no field tells those that are asked about from others
			options = append(options, client.MatchingFieldsSelector{Selector: apifields.OneTermEqualSelector("involvedObject.uid", string(asks[0].UID))})
		}
		var list corev1.EventList
		if err := live.List(ctx, &list, options...); err != nil {
			return nil, err
		}
		var reports []plan.Report
		for _, e := range list.Items {
			about := func(a plan.Ask) bool { return a.UID == e.InvolvedObject.UID }
			if slices.ContainsFunc(asks, about) {
				reports = append(reports, plan.Report{
					UID: e.InvolvedObject.UID, Warning: e.Type == corev1.EventTypeWarning, Reason: e.Reason, Message: e.Message, At: lastSeen(&e),
				})
			}
		}
		return reports, nil
	}
}

// lastSeen is when an event was recorded last: components that use the older API and the
// newer one note it in different places.
func lastSeen(e *corev1.Event) time.Time {
	last := e.CreationTimestamp.Time
	for _, at := range []time.Time{e.FirstTimestamp.Time, e.LastTimestamp.Time, e.EventTime.Time} {
		if at.After(last) {
			last = at
		}
	}
	if e.Series != nil && e.Series.LastObservedTime.After(last) {
		last = e.Series.LastObservedTime.Time
	}
	return last
}

// Asked is what is remembered of one set about the events that its plans asked for.
type Asked struct {
	about   []plan.Ask
	reports []plan.Report
	at      time.Time     // when they were last read; zero for never
	pause   time.Duration // until they are read again
}

// Reports are those that were read last.
func (a *Asked) Reports() []plan.Report { return a.reports }

// Due reports whether the events that a plan asks for are to be read now, and otherwise
// returns when; zero for never.
func (a *Asked) Due(asks []plan.Ask, now time.Time) (due bool, again time.Duration) {
	if len(asks) == 0 {
		a.about, a.reports = nil, nil
		return false, 0
	}
	if !slices.Equal(asks, a.about) { // something else is in the way
		a.pause = askEvery
	}
	left := a.at.Add(a.pause).Sub(now)
	return a.at.IsZero() || left <= 0, max(0, left)
}

// Read notes what was read. What could not be read is tried again as late.
func (a *Asked) Read(asks []plan.Ask, reports []plan.Report, now time.Time) {
	if slices.Equal(asks, a.about) {
		a.pause = min(2*a.pause, askSeldom)
	} else {
		a.pause = askEvery
	}
	a.about, a.reports, a.at = asks, reports, now
}
