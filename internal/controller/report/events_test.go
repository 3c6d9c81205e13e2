package report

import (
	"strings"
	"testing"

	"ordinal.dev/ordinal/internal/controller/controllertest"
	"ordinal.dev/ordinal/internal/plan"
)

func TestAnEventHoldsNoMoreThanTheAPITakes(t *testing.T) {
	var news []plan.Event
	for range 30 {
		news = append(news, plan.Event{Reason: "SuccessfulCreate", Message: strings.Repeat("x", 90)})
	}
	news = append(news, plan.Event{Reason: "SuccessfulCreate", Message: "short"}) // which has room, and is out of order
	news = append(news, plan.Event{Reason: "FailedCreate", Message: strings.Repeat("y", 2000)})
	w := controllertest.New(t)
	m := &Memory{unrecorded: news}
	New(w, w.Clock, nil).recordDone(controllertest.Web(3), m)
	var text string
	for _, e := range w.Events {
		_, note, _ := strings.Cut(e, ": ")
		if len(note) > 1024 {
			t.Errorf("a note of %d bytes, and the API takes 1024", len(note))
		}
		text += note
	}
	if n := strings.Count(text, "x"); n != 10*90 || !strings.Contains(text, "; and 21 more") || len(w.Events) != 2 {
		t.Errorf("%d events tell of %d of 30: want one for ten and the number of the others, and one for the failure:\n%s", len(w.Events), n/90, text)
	}
	if len(m.unrecorded) > 0 {
		t.Error("it will be told again")
	}
}
