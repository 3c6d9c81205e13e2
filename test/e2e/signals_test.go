package e2e

import (
	"archive/tar"
	"bufio"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
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
		for _, sig := range asksToEnd() {
			t.Run(strings.Join(args, " ")+" "+sig.String(), func(t *testing.T) {
				endsWith(t, lab.Command(args...), sig)
			})
		}
	}
}

// asksToEnd are the signals that end a command. One that these tests are started to ignore,
// as nohup does, their children ignore too.
func asksToEnd() []os.Signal {
	return slices.DeleteFunc([]os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}, signal.Ignored)
}

// endsWith sends the signal once the command has said something, which is when it is at
// work.
func endsWith(t *testing.T, cmd *exec.Cmd, sig os.Signal) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := killLater(t, cmd)
	defer late.Stop()
	said := bufio.NewReader(out)
	line, err := said.ReadString('\n')
	if err != nil {
		t.Errorf("it ended without a word: %q, %v", line, err)
	}
	if err := cmd.Process.Signal(sig); err != nil {
		t.Error(err)
	}
	_, _ = io.Copy(io.Discard, said) // until it ends
	_ = cmd.Wait()                   // by what it ends is its own affair
}

// `ordinal load` may wait for ever for an image that somebody pipes into it.
func TestASignalEndsALoadThatWaits(t *testing.T) {
	for _, sig := range asksToEnd() {
		t.Run(sig.String(), func(t *testing.T) {
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
			late := killLater(t, cmd)
			defer late.Stop()
			archive := tar.NewWriter(in)
			if err := archive.WriteHeader(&tar.Header{Name: "layer", Mode: 0o644, Size: 1 << 30}); err != nil {
				t.Fatal(err)
			}
			if _, err := archive.Write(make([]byte, 1<<20)); err != nil { // more than a pipe holds: it reads
				t.Fatal(err)
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Error(err)
			}
			if err := cmd.Wait(); err == nil {
				t.Error("what was never there is loaded")
			}
		})
	}
}

// killLater ends a command that goes on, which it should not.
func killLater(t *testing.T, cmd *exec.Cmd) *time.Timer {
	return time.AfterFunc(time.Minute, func() {
		t.Error("it goes on")
		_ = cmd.Process.Kill()
	})
}
