package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"ordinal.dev/ordinal/internal/cluster"
	"ordinal.dev/ordinal/internal/cluster/config"
	"ordinal.dev/ordinal/internal/cluster/instance"
	"ordinal.dev/ordinal/internal/cluster/layout"
	"ordinal.dev/ordinal/internal/cluster/logs"
	"ordinal.dev/ordinal/internal/cluster/pki"
	"ordinal.dev/ordinal/internal/footprint"
)

func (r *root) up(ctx context.Context, o *upOptions, given func(flag string) bool) error {
	// What containers and other users are to see has modes that let them, and what they
	// are not to see has others.
	syscall.Umask(0o022)
	// A plain su leaves out where nft and modprobe are.
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin"); err != nil {
		return err
	}
	l, err := r.layout()
	if err != nil {
		return err
	}
	if err := o.complete(l, given); err != nil {
		return err
	}
	if o.again {
		return r.again(ctx, o, l)
	}
	if err := cluster.Check(o.cfg); err != nil {
		return err
	}
	if o.detached {
		return r.serve(ctx, o, l, nil, nil)
	}
	up, err := r.isUp(ctx, l)
	switch {
	case err != nil:
		return err
	case up && o.foreground:
		return fmt.Errorf("the cluster in %s is already up, as process %d: end it with `ordinal down` to have it in the foreground", l.Root, instance.PID(l))
	case up:
		return r.alreadyUp(o, l)
	case o.foreground:
		return r.upForeground(ctx, o, l)
	}
	err = r.upBackground(ctx, o, l)
	if !errors.Is(err, errOvertaken) {
		return err
	}
	if up, err = r.isUp(ctx, l); err != nil || !up {
		return errors.Join(err, fmt.Errorf("another start of the cluster in %s was faster, and has ended: run this again", l.Root))
	}
	return r.alreadyUp(o, l)
}

// errOvertaken says that another start of the cluster was faster: one that was killed starts
// again by itself.
var errOvertaken = errors.New("another start was faster")

// dyingFor is how long the kernel may take to bury a killed cluster's process,
// which holds its lock meanwhile.
const dyingFor = 3 * time.Second

// isUp says whether a cluster runs on the data directory. One that starts, stops
// or was killed is waited for: it is up in the end, or its place is free. One that
// waits for its turn gives it up: a person is told at once why it cannot start.
func (r *root) isUp(ctx context.Context, l layout.Layout) (bool, error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	began, said := time.Now(), false
	for instance.Alive(l) {
		s, err := instance.Read(l)
		if err != nil {
			return false, err
		}
		late := time.Since(began) > dyingFor
		pid, role := instance.Holder(l)
		if late && pid != s.PID && role != instance.Down {
			if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
				return false, fmt.Errorf("ending process %d, which waits to start the cluster: %w", pid, err)
			}
		} else if s.Phase == instance.Running && role != instance.Down && (late || answers(ctx, l)) {
			return true, nil
		}
		if late && !said {
			said = true
			fmt.Fprintf(r.out, "The cluster in %s is %s (process %d); waiting for that.\n", l.Root, s.Phase, s.PID)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false, errors.New("interrupted")
		}
	}
	return false, nil
}

// answers says whether the API server is there.
func answers(ctx context.Context, l layout.Layout) bool {
	config, err := clientcmd.BuildConfigFromFlags("", l.Kubeconfig())
	if err != nil {
		return false
	}
	config.Timeout = time.Second
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return false
	}
	_, err = client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	return err == nil
}

func (r *root) alreadyUp(o *upOptions, l layout.Layout) error {
	s, err := instance.Read(l)
	if err != nil {
		return err
	}
	if now, err := config.Saved(l); err != nil || now != o.cfg {
		return errors.Join(err, fmt.Errorf("the cluster in %s is already up, with other settings: run `ordinal down`, and then this again", l.Root))
	}
	if err := mergeKubeconfig(l, o.kubeconfig, true); err != nil {
		fmt.Fprintf(r.out, "Note: %s.\n", unmerged(o.kubeconfig, err))
	}
	fmt.Fprintf(r.out, "The cluster in %s is already up, since %s (process %d); nothing to do.\n", l.Root, s.StartedAt.Format(time.DateTime), s.PID)
	if whose := cluster.NotOrdinals(o.cfg); whose != "" {
		fmt.Fprintf(r.out, "Note: %s.\n", whose)
	}
	return nil
}

func (r *root) upForeground(ctx context.Context, o *upOptions, l layout.Layout) error {
	p, stop := newProgress(r.out), stopping{out: r.out}
	// Who started this process starts it again; systemd does.
	nobody := func() {}
	err := r.serve(ctx, o, l, func(s instance.State) {
		switch s.Phase {
		case instance.Running:
			p.finish()
			r.nextSteps(o, s)
		case instance.Starting:
			p.show(s)
		case instance.Stopping:
			p.once("Stopping.")
			stop.show(s)
		}
	}, nobody)
	if err != nil && ctx.Err() == nil {
		return err
	}
	if err != nil { // it was to stop all the same
		fmt.Fprintln(r.err, "ordinal: "+err.Error())
	}
	// A fresh process takes the node down: in this one, a kubelet's last
	// goroutines might start again what teardown stops.
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(self, []string{self, "down", "--data-dir", l.Root}, os.Environ())
}

// serve runs the cluster in this process until ctx ends (nil) or a part fails.
// dismiss ends who would start it again; if nil, somebody is found once it runs: a
// first start that fails is not repeated.
func (r *root) serve(ctx context.Context, o *upOptions, l layout.Layout, report func(instance.State), dismiss func()) error {
	if err := logToFile(l); err != nil {
		return err
	}
	warn := func(err error) {
		if err != nil {
			klog.Background().Error(err, "the cluster idles at a higher cost than it could")
		}
	}
	go footprint.Tune(ctx, pace(), warn)
	c, err := cluster.Start(ctx, o.cfg, klog.Background(), report)
	if err != nil {
		if ctx.Err() != nil && dismiss != nil {
			dismiss()
		}
		return err
	}
	if dismiss == nil {
		dismiss = o.mustStandBy(l)
	}
	expire, err := c.CertificatesEnd()
	if err != nil {
		c.Fail(err)
		return err
	}
	var notes []string
	if err := mergeKubeconfig(l, o.kubeconfig, !o.again); err != nil {
		notes = append(notes, unmerged(o.kubeconfig, err))
	}
	c.Announce(notes...)
	settled := time.After(settling)
	look, trim := time.NewTicker(ownershipCheck), time.NewTicker(time.Minute)
	defer look.Stop()
	defer trim.Stop()
	for {
		select {
		case <-settled:
			warn(footprint.CalmTimers())
		case <-trim.C:
			if err := logs.Trim(l.Logs()); err != nil {
				klog.Background().Error(err, "a log has grown large")
			}
		case <-look.C:
			if time.Until(expire) < renewBefore {
				err := fmt.Errorf("the cluster's certificates end on %s: it starts again to have new ones", expire.Format(time.DateOnly))
				c.Fail(err)
				return err
			}
			if instance.Lost(l) {
				err := fmt.Errorf("the cluster stopped because its data directory %s was deleted; `ordinal down` clears what it left on the machine", l.Root)
				dismiss()
				c.Fail(err)
				return err
			}
		case <-ctx.Done():
			dismiss()
			c.Stop()
			return nil
		case err := <-c.Failed():
			c.Fail(err)
			if ctx.Err() != nil { // it was to stop, too
				dismiss()
			}
			return fmt.Errorf("the cluster stopped because a part of it failed: %w (see %s)", err, l.Log("ordinal"))
		}
	}
}

// unmerged says that the user's kubeconfig is as it was.
func unmerged(path string, err error) string {
	return fmt.Sprintf("the context %q could not be added to %s: %v", pki.ContextName, path, err)
}

// pace leaves most of the memory to what the cluster runs, and to the machine.
func pace() footprint.Pace {
	return footprint.Pace{AtRest: 50, AtWork: footprint.Memory() / 8, Busy: 24 << 20, Calm: 15}
}

// renewBefore is how long before its certificates end a cluster starts again: a start
// renews what ends within thirty days.
const renewBefore = 20 * 24 * time.Hour

// settling is how long after the start the last of the caches fill.
const settling = 10 * time.Second

// ownershipCheck is how often a cluster looks whether its data directory is still its
// own: one whose directory was deleted could be found by nobody, and holds its
// ports.
const ownershipCheck = 5 * time.Second

// logToFile sends what the embedded components say to the cluster's log.
func logToFile(l layout.Layout) error {
	f, err := logs.Open(l.Log("ordinal"))
	if err != nil {
		return err
	}
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	// One file for all severities, each line once.
	for name, value := range map[string]string{"logtostderr": "false", "one_output": "true", "stderrthreshold": "FATAL"} {
		if err := flags.Set(name, value); err != nil {
			return err
		}
	}
	klog.SetOutput(f)
	log.SetOutput(f)
	return nil
}

// upBackground starts the cluster in a process of its own and follows its
// state until it is up.
func (r *root) upBackground(ctx context.Context, o *upOptions, l layout.Layout) error {
	log, err := logs.Open(l.Log("ordinal"))
	if err != nil {
		return err
	}
	defer log.Close()
	start, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(self, append(os.Args[1:], "--detached", "--data-dir", l.Root)...)
	child.Stdout, child.Stderr = log, log
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()

	state, err := r.follow(ctx, l, child.Process.Pid, ended)
	if holder, role := instance.Holder(l); err != nil && ctx.Err() == nil && holder != 0 && holder != child.Process.Pid && role != instance.Down {
		return errOvertaken
	}
	if errors.Is(err, context.Canceled) {
		_ = child.Process.Signal(syscall.SIGTERM)
		return errors.New("interrupted; what had started is stopping again")
	}
	if err != nil {
		return r.explainFailure(l, state, start, err)
	}
	r.nextSteps(o, state)
	return nil
}

// follow shows the state of the cluster with that process id until it is up,
// has failed, or has ended.
func (r *root) follow(ctx context.Context, l layout.Layout, pid int, ended <-chan error) (instance.State, error) {
	p := newProgress(r.out)
	defer p.finish()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var last instance.State
	for {
		gone := false
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-ended:
			gone = true
		case <-tick.C:
		}
		if s, err := instance.Read(l); err == nil && s.PID == pid {
			last = s
			p.show(s)
		}
		switch {
		case last.Phase == instance.Running:
			return last, nil
		case gone && last.Error != "":
			return last, errors.New(last.Error)
		case gone:
			return last, errors.New("the cluster's process ended")
		}
	}
}

// explainFailure adds the log to what went wrong. A cluster that ended before
// it wrote its state, or without a word there, has left its reason in the log.
func (r *root) explainFailure(l layout.Layout, s instance.State, logStart int64, err error) error {
	if s.Error != "" && len(s.Parts) == 0 { // nothing had started: the sentence says it all
		return err
	}
	path, last := s.Log, s.LogTail
	if s.Error == "" {
		path = l.Log("ordinal")
		last = logs.LastWords(logs.Since(path, logStart), 8)
	}
	fmt.Fprintf(r.err, "ordinal: %v\n\nThe last words in %s:\n  %s\n", err, path, strings.Join(last, "\n  "))
	return errSaid
}

func (r *root) nextSteps(o *upOptions, s instance.State) {
	for _, n := range s.Notes {
		fmt.Fprintf(r.out, "Note: %s.\n", n)
	}
	if o.cfg.SimulatedNodes > 0 {
		fmt.Fprintln(r.out, "Nodes are SIMULATED: pods only pretend to run; there are no containers, logs or names.")
	}
	fmt.Fprintf(r.out, "\nKubernetes is up at %s. Next:\n  ordinal kubectl apply -f statefulset.yaml\n  ordinal down\n", s.Server)
}
