package snapshot

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/controller/controllertest"
	"ordinal.dev/ordinal/internal/plan"
)

func TestEventsAreReadAtMostTwiceAMinute(t *testing.T) {
	begin := time.Unix(0, 0)
	web1 := []plan.Ask{{Kind: "Pod", Name: "web-1", UID: "uid-1"}}
	web2 := []plan.Ask{{Kind: "Pod", Name: "web-2", UID: "uid-2"}}
	var a Asked
	var reads []time.Duration
	for at := time.Duration(0); at < 20*time.Minute; at += time.Second {
		asks := web1
		if at >= 10*time.Minute {
			asks = web2
		}
		due, again := a.Due(asks, begin.Add(at))
		if due {
			reads = append(reads, at)
			a.Read(asks, nil, begin.Add(at))
		} else if again <= 0 || again > askSeldom {
			t.Fatalf("at %s it is read again after %s", at, again)
		}
	}
	want := []time.Duration{
		0, 30 * time.Second, 90 * time.Second, 210 * time.Second, 450 * time.Second, // ever more seldom
		10 * time.Minute, 630 * time.Second, 690 * time.Second, 810 * time.Second, 1050 * time.Second, // what is new is read soon
	}
	if !slices.Equal(reads, want) {
		t.Errorf("read at %v, want %v", reads, want)
	}
	if due, again := a.Due(nil, begin); due || again != 0 || a.Reports() != nil {
		t.Error("it goes on when nothing is asked")
	}
}

func TestAnEventIsAsNewAsItWasRecordedLast(t *testing.T) {
	made := time.Unix(1000, 0)
	for what, e := range map[string]corev1.Event{
		"by the older API":    {LastTimestamp: metav1.NewTime(made.Add(time.Minute))},
		"by the newer one":    {EventTime: metav1.NewMicroTime(made.Add(time.Minute))},
		"as one of a series":  {Series: &corev1.EventSeries{LastObservedTime: metav1.NewMicroTime(made.Add(time.Minute))}},
		"with the first time": {FirstTimestamp: metav1.NewTime(made.Add(time.Minute))},
	} {
		e.CreationTimestamp = metav1.NewTime(made)
		if got := lastSeen(&e); !got.Equal(made.Add(time.Minute)) {
			t.Errorf("%s: %s, want a minute after it was made", what, got.Sub(made))
		}
	}
}

func TestOnlyEventsOfWhatIsAskedAboutAreReports(t *testing.T) {
	event := func(name string, uid types.UID) *corev1.Event {
		return &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Namespace: "default", Name: name},
			InvolvedObject: corev1.ObjectReference{UID: uid}, Type: corev1.EventTypeWarning, Reason: "FailedMount", Message: name,
		}
	}
	api := controllertest.New(t, event("one", "uid-1"), event("two", "uid-2"), event("other", "uid-other")).API
	asks := []plan.Ask{{UID: "uid-1"}, {UID: "uid-2"}}
	reports, err := Reports(api)(t.Context(), "default", asks)
	if err != nil || len(reports) != 2 || reports[0].UID == reports[1].UID || !reports[0].Warning || reports[0].Reason != "FailedMount" {
		t.Errorf("reports %+v, %v", reports, err)
	}
}
