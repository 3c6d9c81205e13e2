package node

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"text/template"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sys/unix"

	"ordinal.dev/ordinal/internal/cluster/layout"
)

//go:embed containerd.toml
var containerdConfig string

//go:embed cni.conflist
var cniConfig string

const (
	// shortestLife tells a containerd that died from one that cannot run.
	shortestLife = 10 * time.Second
	// retryEvery is how often one that cannot run is tried again.
	retryEvery = 2 * time.Second
)

// Containerd runs the container runtime beside this process. It goes on when
// this process ends: the next one adopts it.
type Containerd struct {
	Layout  layout.Layout
	PodCIDR netip.Prefix
	Sandbox string // image of the sandbox container
	Logger  logr.Logger
	// Report is told why one that has served does so no longer, and with nil
	// that it does again.
	Report func(error)

	started, served atomic.Bool
}

// Name implements supervisor.Part.
func (c *Containerd) Name() string { return "containerd" }

// Ready implements supervisor.Part.
func (c *Containerd) Ready(ctx context.Context) error {
	if !c.started.Load() {
		return errors.New("not started yet")
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", c.Layout.ContainerdSocket())
	if err != nil {
		return err
	}
	c.served.Store(true)
	return conn.Close()
}

// Run implements supervisor.Part. A containerd that has served is started again
// whenever it ends, for as long as that takes: containers live on in their shims
// meanwhile. One that never has is not: the start fails, and says why.
func (c *Containerd) Run(ctx context.Context) error {
	if err := c.configure(); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	for {
		began := time.Now()
		err := c.runOnce(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if !c.served.Load() {
			return err
		}
		pause := time.Duration(0)
		if time.Since(began) < shortestLife {
			pause = retryEvery
		}
		c.Report(fmt.Errorf("%w; it is started again, and until it serves pods go on, but none starts or stops", err))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// runOnce adopts the containerd that runs or starts one, and returns why it
// ended.
func (c *Containerd) runOnce(ctx context.Context) error {
	pid := RunningContainerd(c.Layout)
	if pid == 0 {
		var err error
		if pid, err = c.start(); err != nil {
			return fmt.Errorf("it does not start: %w", err)
		}
	} else {
		c.Logger.Info("adopted the containerd that was running", "pid", pid)
	}
	c.started.Store(true)
	life, ended := context.WithCancel(ctx)
	defer ended()
	go c.whenServing(life, c.served.Load())
	if err := awaitExit(ctx, pid); err != nil {
		return fmt.Errorf("watching process %d: %w", pid, err)
	}
	return fmt.Errorf("process %d ended; its last words are in %s", pid, c.Layout.Log("containerd"))
}

// whenServing waits until containerd serves, unless ctx ends first, says so if it is
// again, and ends what the one before it has left.
func (c *Containerd) whenServing(ctx context.Context, again bool) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for c.Ready(ctx) != nil {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	if again {
		c.Report(nil)
	}
	ended, err := endStrayShims(c.Layout)
	if err != nil {
		c.Logger.Error(err, "shims that containerd does not know are left")
	}
	if len(ended) > 0 {
		c.Logger.Info("ended shims that containerd does not know", "pids", ended)
	}
}

func (c *Containerd) configure() error {
	values := map[string]string{
		"Root": c.Layout.Containerd(), "State": c.Layout.ContainerdState(),
		"Socket": c.Layout.ContainerdSocket(), "Bin": c.Layout.Bin(),
		"Hosts": c.Layout.RegistryHosts(), "CNI": c.Layout.CNI(), "CNIState": c.Layout.CNIState(),
		"ShimSockets": c.Layout.ShimSockets(), "Sandbox": c.Sandbox, "Bridge": Bridge, "PodCIDR": c.PodCIDR.String(),
	}
	for path, text := range map[string]string{
		c.Layout.ContainerdConfig():                          containerdConfig,
		filepath.Join(c.Layout.CNI(), "10-ordinal.conflist"): cniConfig,
	} {
		t, err := template.New(path).Parse(text)
		if err != nil {
			return err
		}
		var b strings.Builder
		if err := t.Execute(&b, values); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// start leaves containerd in a session of its own, so that neither a Ctrl-C
// nor the end of this process reaches it.
func (c *Containerd) start() (pid int, err error) {
	// Where a killed containerd left its socket, clients would meet "refused".
	if err := os.Remove(c.Layout.ContainerdSocket()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, err
	}
	log, err := os.OpenFile(c.Layout.Log("containerd"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(c.Layout.Bin(), "containerd"), "--config", c.Layout.ContainerdConfig())
	cmd.Env = []string{
		"PATH=" + c.Layout.Bin() + ":" + os.Getenv("PATH"), // CNI plugins look for nft
		"CNI_CACHE_DIR=" + filepath.Join(c.Layout.CNIState(), "cache"),
	}
	for _, proxy := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"} {
		if v, ok := os.LookupEnv(proxy); ok {
			cmd.Env = append(cmd.Env, proxy+"="+v)
		}
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() { _ = cmd.Wait() }() // reaps it; awaitExit sees its end
	return cmd.Process.Pid, os.WriteFile(c.Layout.ContainerdPID(), []byte(strconv.Itoa(cmd.Process.Pid)), 0o644)
}

// RunningContainerd is the process id of this data directory's containerd, or
// 0. A process that only happens to have the id we noted does not count.
func RunningContainerd(l layout.Layout) int {
	data, err := os.ReadFile(l.ContainerdPID())
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	if exe, err := programOf(pid); err != nil || exe != filepath.Join(l.Bin(), "containerd") {
		return 0
	}
	return pid
}

// programOf is the path of the program that a process runs, also if it was replaced since.
func programOf(pid int) (string, error) {
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return strings.TrimSuffix(exe, " (deleted)"), err
}

// awaitExit returns when the process, which need not be a child, has ended or
// ctx has.
func awaitExit(ctx context.Context, pid int) error {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	wait, err := f.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Now()) })
	defer stop()
	err = wait.Read(func(fd uintptr) (ended bool) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return err == nil && n > 0
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}
