package node

import (
	"bufio"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// echo listens on a unix socket and answers with what it is sent.
func echo(t *testing.T, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); conn.Close() }()
		}
	}()
}

// says sends a line and returns what comes back; "" if the connection is closed.
func says(t *testing.T, conn net.Conn, line string) string {
	t.Helper()
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		return ""
	}
	back, _ := bufio.NewReader(conn).ReadString('\n')
	return back
}

func TestWhenTheKubeletIsCutOffNothingReachesContainerd(t *testing.T) {
	dir := socketDir(t)
	containerd, kubelet := filepath.Join(dir, "containerd.sock"), filepath.Join(dir, "kubelet.sock")
	dial := func() (net.Conn, error) { return net.Dial("unix", kubelet) }
	p, err := newCRIProxy(kubelet, containerd)
	if err != nil {
		t.Fatal(err)
	}
	early, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	if got := says(t, early, "before containerd is there"); got != "" {
		t.Errorf("answered %q", got)
	}
	echo(t, containerd)
	conn, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	if got := says(t, conn, "start a container"); got != "start a container\n" {
		t.Errorf("answered %q", got)
	}
	p.Cut()
	p.Cut() // as the end of the context and the end of Run both do
	if got := says(t, conn, "start another"); got != "" {
		t.Errorf("answered %q after the cut", got)
	}
	if _, err := dial(); err == nil {
		t.Error("a new connection is accepted after the cut")
	}
	if p, err = newCRIProxy(kubelet, containerd); err != nil {
		t.Errorf("where a socket was left: %v", err)
	} else {
		p.Cut()
	}
}

// socketDir is a directory whose path leaves room for those of sockets.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cri-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
