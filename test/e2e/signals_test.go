package e2e

import (
	"bufio"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ordinal.dev/ordinal/test/rig"
)

// A command that would go on for ever ends with the signal that it is sent, whichever it
// is, and whatever it does meanwhile.
func TestASignalEndsTheCommandThatItIsSentTo(t *testing.T) {
	s := counterScene(t)
	s.kubectl("scale", "sts/counter", "--replicas=1")
	s.kubectl("rollout", "status", "sts/counter")
	for _, args := range [][]string{
		s.inNamespace([]string{"port-forward", "counter-0", ":8080"}),
		s.inNamespace([]string{"logs", "--follow", "counter-0"}),
		s.inNamespace([]string{"get", "pods", "--watch"}),
		s.inNamespace([]string{"exec", "counter-0", "--", "counter", "serve", "--listen", ":9090"}),
		s.inNamespace([]string{"proxy", "--port=0"}),
		{"watch", "--namespace", s.Namespace, "sts/counter-that-waits"},
	} {
		if args[0] == "watch" {
			s.kubectl("patch", "sts/counter", "-p", `{"spec":{"template":{"spec":{"nodeSelector":{"is":"nowhere"}}}}}`)
			args[len(args)-1] = "sts/counter"
		}
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
			t.Run(strings.Join(args, " ")+" "+signal.String(), func(t *testing.T) {
				endsWith(t, lab.Command(args...), signal)
			})
		}
	}
}

// endsWith sends the signal once the command has said something, which is when it is at
// work.
func endsWith(t *testing.T, cmd *exec.Cmd, signal syscall.Signal) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(time.Minute, func() {
		t.Error("it goes on")
		_ = cmd.Process.Kill()
	})
	defer late.Stop()
	said := bufio.NewReader(out)
	line, err := said.ReadString('\n')
	if err != nil {
		t.Errorf("it ended without a word: %q, %v", line, err)
	}
	if err := cmd.Process.Signal(signal); err != nil {
		t.Error(err)
	}
	_, _ = io.Copy(io.Discard, said) // until it ends
	_ = cmd.Wait()                   // by what it ends is its own affair
}

// `ordinal load` may wait for ever for an image that somebody pipes into it.
func TestASignalEndsALoadThatWaits(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		c := rig.Cluster{Binary: lab.Binary, Dir: filepath.Join(rig.Dir(t), "data")}
		cmd := c.Command("load", "/dev/stdin")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		late := time.AfterFunc(time.Minute, func() {
			t.Errorf("%s: it goes on", signal)
			_ = cmd.Process.Kill()
		})
		if _, err := in.Write(make([]byte, 1<<20)); err != nil { // more than a pipe holds: it reads
			t.Fatal(err)
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Errorf("%s: what was never there is loaded", signal)
		}
		late.Stop()
	}
}
