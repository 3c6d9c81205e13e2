package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"ordinal.dev/ordinal/internal/cluster/instance"
	"ordinal.dev/ordinal/internal/cluster/layout"
	"ordinal.dev/ordinal/internal/cluster/mounts"
	"ordinal.dev/ordinal/internal/cluster/node"
)

// Find reports what there is to take down: a data directory, or what a cluster has
// left on the machine after its data directory was deleted.
func Find(l layout.Layout) (data, remains bool, err error) {
	if _, err := os.Stat(l.VersionFile()); !errors.Is(err, os.ErrNotExist) {
		return err == nil, false, err
	}
	owner, err := node.Owner()
	return false, err == nil && owner == l.Root, nil // a bridge of somebody else's is not ours to judge
}

// Teardown removes what a cluster left on the machine, other than its data.
// The cluster's process must have ended. Until it is done this process holds the
// lock and says that it is stopping the cluster, so that nobody takes it for one that
// waits to start it; afterwards nobody starts it again by itself. With purge the data
// goes too.
func Teardown(ctx context.Context, l layout.Layout, purge bool, report func(string)) error {
	release, err := instance.Acquire(l, instance.Down)
	if err != nil {
		return err
	}
	defer release()
	state, err := instance.Read(l)
	if err != nil {
		report(err.Error())
	}
	state.Progress = nil
	var mu sync.Mutex // of state
	write := func(change func()) {
		mu.Lock()
		defer mu.Unlock()
		change()
		if err := instance.Write(l, state); err != nil { // a full disk keeps nobody from stopping
			report(fmt.Sprintf("the state file cannot be written: %v", err))
		}
	}
	say := func(phase instance.Phase, reason string) {
		write(func() { state.PID, state.Phase, state.Error, state.LogTail = os.Getpid(), phase, reason, nil })
	}
	tell := func(what string) { // who waits for this reads it in the state
		report(what)
		write(func() { state.Progress = append(state.Progress, instance.Doing(what)) })
	}
	say(instance.Stopping, "")
	if err := node.Teardown(ctx, l, tell); err != nil {
		say(instance.Stopped, "some of it is left on the machine: "+err.Error())
		return err
	}
	say(instance.Stopped, "")
	if purge {
		return deleteData(l)
	}
	return nil
}

// deleteData refuses while something else is mounted in a volume for instance, since that
// would be emptied too.
func deleteData(l layout.Layout) error {
	mounted, err := mounts.Below(l.Root)
	if err != nil {
		return err
	}
	mounted = slices.DeleteFunc(mounted, func(point string) bool { return slices.Contains(l.Entries(), point) }) // disks for a cluster's data
	if len(mounted) > 0 {
		return fmt.Errorf("nothing is deleted, since something else is mounted in the data directory: unmount %s", strings.Join(mounted, ", "))
	}
	return instance.Delete(l)
}
