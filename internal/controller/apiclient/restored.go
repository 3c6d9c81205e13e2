package apiclient

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/controller/snapshot"
)

// StoreCheck ends the controller when the API server's store has been restored from a
// backup. Versions are counted from there anew, and a watch that goes on from a later
// one is not refused: it hears nothing until they have come by again, so that the
// caches would be blind for as long. A controller that is started again lists.
type StoreCheck struct {
	Seen  snapshot.Seen // what the caches have seen
	Live  client.Reader // reads from the API server
	Every time.Duration // how long a store that was restored may go unnoticed
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: caches are filled
// without it.
func (StoreCheck) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (s StoreCheck) Start(ctx context.Context) error {
	tick := time.NewTicker(s.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := s.check(ctx); err != nil {
			return err
		}
	}
}

// check returns an error if the store is at an earlier version than the caches.
func (s StoreCheck) check(ctx context.Context) error {
	had := s.Seen.Version(kinds.Set) // before the server is asked, which may be ahead
	var sets appsv1.StatefulSetList
	if err := s.Live.List(ctx, &sets, client.Limit(1)); err != nil {
		return nil // a server that cannot be reached is told of elsewhere
	}
	if now := sets.ResourceVersion; now != "" && snapshot.Newer(had, now) {
		return fmt.Errorf("the API server's store was at version %s and is at %s: it has been restored from a backup, and the controller must be started again to see what is so now", had, now)
	}
	return nil
}
