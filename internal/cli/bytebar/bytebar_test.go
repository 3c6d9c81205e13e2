package bytebar

import (
	"strings"
	"testing"
	"time"
)

// bar is a bar on a terminal of which each look at the clock takes step.
func bar(out *strings.Builder, step time.Duration) *Bar {
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	return &Bar{Out: out, Label: "image.tar", Now: func() time.Time {
		now = now.Add(step)
		return now
	}}
}

func TestBarGrowsWithWhatWasRead(t *testing.T) {
	var out strings.Builder
	b := bar(&out, time.Second)
	b.Report(1_500_000, 6_000_000)
	b.Report(6_000_000, 6_000_000)
	b.Done()
	want := "\r\x1b[Kimage.tar  ██████░░░░░░░░░░░░░░░░░░  25%  1.5 MB of 6.0 MB" +
		"\r\x1b[Kimage.tar  ████████████████████████ 100%  6.0 MB of 6.0 MB" +
		"\r\x1b[K"
	if out.String() != want {
		t.Errorf("drawn:\n%q\nwant:\n%q", out.String(), want)
	}
}

func TestReadingWithoutAKnownEndShowsItsSize(t *testing.T) {
	var out strings.Builder
	bar(&out, time.Second).Report(2_000_000_000, 0)
	if !strings.Contains(out.String(), "image.tar  2.0 GB") {
		t.Errorf("drawn: %q", out.String())
	}
}

func TestBarIsNotDrawnMoreOftenThanItLooksSteady(t *testing.T) {
	var out strings.Builder
	b := bar(&out, time.Millisecond)
	for i := range int64(1000) {
		b.Report(i, 1000)
	}
	if got := strings.Count(out.String(), "\r"); got < 9 || got > 11 {
		t.Errorf("drawn %d times in a second, want 10", got)
	}
}

func TestNothingIsDrawnWhereThereIsNoTerminal(t *testing.T) {
	b := bar(nil, time.Second)
	b.Out = nil
	b.Report(1, 2)
	b.Done()
}
