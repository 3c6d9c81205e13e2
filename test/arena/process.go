package arena

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// stopping is how long a controller may take to end before it is killed.
const stopping = 10 * time.Second

// A Process is a controller at work.
type Process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when it has ended
	err  error         // how it ended
}

// Run starts a controller; what it says goes to the log file.
func Run(ctx context.Context, log, program string, args ...string) (*Process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the child has its own
	p := &Process{cmd: exec.CommandContext(ctx, program, args...), log: log, done: make(chan struct{})}
	p.cmd.Env = environment()
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = stopping
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.done)
		p.err = p.cmd.Wait()
	}()
	return p, nil
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the process is gone, which before Stop it should not be.
func (p *Process) Ended() <-chan struct{} { return p.done }

// Stop ends the process and waits for it. It is an error if it had ended by
// itself.
func (p *Process) Stop() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended by itself: %w", p.cmd.Path, errors.Join(p.err, p.LastWords()))
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	impatient := time.AfterFunc(stopping, func() { _ = p.cmd.Process.Kill() })
	defer impatient.Stop()
	<-p.done
	return nil
}

// LastWords is the end of the log.
func (p *Process) LastWords() error {
	const enough = 4000
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err
	}
	return errors.New(string(data[max(0, len(data)-enough):]))
}

// environment is this process's, without what tunes the Go runtime: a build sets
// GOGC for the compiler, and what is measured must not have it.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GO") })
}
