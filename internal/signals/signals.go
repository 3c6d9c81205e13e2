// Package signals ends what a command does when somebody asks its process to end.
package signals

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// asksToEnd are the signals that ask a process to end: of a person, of a service manager,
// and of a terminal that is gone. They end every command at once, kubectl's among them,
// but for those that have something to bring to an end, and run in Until or
// UntilFirst.
var asksToEnd = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}

// Until runs a command with a context that ends with the first signal that asks for
// it. The second one ends the process.
func Until(ctx context.Context, run func(context.Context) error) error {
	ctx, stop := withSignals(ctx)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	return run(ctx)
}

// UntilFirst is Until for the cluster's own process: no second signal keeps it from
// stopping pods in their time.
func UntilFirst(ctx context.Context, run func(context.Context) error) error {
	ctx, stop := withSignals(ctx)
	defer stop()
	return run(ctx)
}

// withSignals leaves out what whoever started this process has it ignore, as nohup does.
func withSignals(ctx context.Context) (context.Context, context.CancelFunc) {
	heeded := slices.DeleteFunc(slices.Clone(asksToEnd), signal.Ignored)
	if len(heeded) == 0 { // which would be all signals
		return context.WithCancel(ctx)
	}
	return signal.NotifyContext(ctx, heeded...)
}
