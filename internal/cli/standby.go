package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"k8s.io/klog/v2"

	"ordinal.dev/ordinal/internal/cluster"
	"ordinal.dev/ordinal/internal/cluster/config"
	"ordinal.dev/ordinal/internal/cluster/instance"
	"ordinal.dev/ordinal/internal/cluster/layout"
	"ordinal.dev/ordinal/internal/cluster/logs"
)

// A standby brings the cluster back when its process ends unasked: killed, out of
// memory or disk, or with a part that failed. It waits on a pipe that ends with
// that process, and then becomes `up --again`. It waits as a shell, which takes
// one megabyte where this program takes fifty.
const standby = `read -r _ || exec "$@"`

const (
	// shortRun is how long a cluster must have run to be started again at once.
	shortRun = 10 * time.Second
	// againAfter is how long one that did not run as long is left alone.
	againAfter = 5 * time.Second
)

// standBy starts a standby for this process. dismiss ends it; without that it
// outlives the process and takes its place.
func (o *upOptions) standBy(l layout.Layout) (dismiss func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := logs.Open(l.Log("ordinal"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	shell := exec.Command("/bin/sh", "-c", standby, "standby", self, "up", "--detached", "--again",
		"--data-dir", l.Root, "--kubeconfig", o.kubeconfig)
	shell.Stdout, shell.Stderr = log, log
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	line, err := shell.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := shell.Start(); err != nil {
		return nil, err
	}
	return func() {
		_, _ = io.WriteString(line, "dismissed\n") // fails when it has ended
		_ = shell.Wait()
	}, nil
}

// mustStandBy is standBy where a cluster without is better than none.
func (o *upOptions) mustStandBy(l layout.Layout) (dismiss func()) {
	dismiss, err := o.standBy(l)
	if err != nil {
		klog.Background().Error(err, "nothing will start the cluster again if it is killed")
		return func() {}
	}
	return dismiss
}

// again is up in the place of a process that has ended. A standby of its own comes
// first: this process may be killed too.
func (r *root) again(ctx context.Context, o *upOptions, l layout.Layout) error {
	if err := toStartAgain(l); err != nil { // asked before the log is opened, which makes a deleted directory anew
		return err
	}
	dismiss := o.mustStandBy(l)
	if err := o.waitForTurn(ctx, l); err != nil {
		dismiss()
		return err
	}
	return r.serve(ctx, o, l, nil, dismiss)
}

// waitForTurn returns when the cluster can start, or with an error when ctx ends
// or somebody else has started it. Until then this process holds the cluster's
// lock, so that status finds somebody who waits, and up and down somebody to end.
func (o *upOptions) waitForTurn(ctx context.Context, l layout.Layout) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	began, notBefore := time.Now(), time.Now()
	if last, err := instance.Read(l); err == nil && began.Sub(last.StartedAt) < shortRun {
		notBefore = began.Add(againAfter)
	}
	var release func()
	for {
		err := toStartAgain(l)
		if err != nil {
			if release != nil {
				release()
			}
			return err
		}
		if release == nil {
			release, err = instance.Acquire(l, instance.Up)
		}
		if errors.As(err, new(*instance.InUse)) && time.Since(began) > dyingFor {
			return fmt.Errorf("somebody else has started the cluster: %w", err)
		}
		ready := release != nil && time.Now().After(notBefore) && cluster.Check(o.cfg) == nil
		if release != nil && (ready || ctx.Err() != nil) {
			release()
			return ctx.Err()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if release == nil {
				return ctx.Err()
			}
		}
	}
}

// toStartAgain returns an error if nobody wants the cluster any more: somebody has taken
// it down since its process ended, and may have deleted its data.
func toStartAgain(l layout.Layout) error {
	data, _, err := cluster.Find(l)
	if err != nil {
		return err
	}
	if last, err := instance.Read(l); !data || err == nil && (last.Phase == instance.Stopped || last.Phase == instance.Stopping) {
		return errors.New("the cluster has been taken down, so it is not started again")
	}
	return nil
}

// whyWaiting is what somebody who waits for its turn waits for.
func whyWaiting(l layout.Layout, last instance.State) string {
	const then = "the cluster starts by itself as soon as it can; pods that run go on"
	if cfg, err := config.Saved(l); err == nil {
		if err := cluster.Check(cfg); err != nil {
			return fmt.Sprintf("%v; %s", err, then)
		}
	}
	if last.Error != "" {
		return fmt.Sprintf("%s; it is tried again every %s, and %s", last.Error, againAfter, then)
	}
	return "its process was killed; " + then
}
