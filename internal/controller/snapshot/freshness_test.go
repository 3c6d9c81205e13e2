package snapshot

import (
	"testing"
	"time"
)

func TestCachesThatCatchUpNowAndThenAreTrusted(t *testing.T) {
	f, now := &Freshness{caughtUp: true}, time.Now()
	if f.Stale(now) || f.Stale(now.Add(LongestStale-1)) || !f.caughtUp {
		t.Error("distrusted too early")
	}
	if !f.Stale(now.Add(LongestStale)) || f.caughtUp || !f.uncertain || !f.staleSince.IsZero() {
		t.Errorf("after %s: %+v, want it to be as after a start", LongestStale, f)
	}
	f.Stale(now)
	f.NotStale()
	if !f.staleSince.IsZero() {
		t.Error("they are to be distrusted for what is over")
	}
}
