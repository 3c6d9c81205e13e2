package node

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
)

// criProxy is the kubelet's way to containerd, which can be cut. The workers of its pods do
// not end with its context but with the process: one that is starting a pod would go on,
// and run a container while the others are being stopped.
type criProxy struct {
	listener   net.Listener
	containerd string // path of its socket

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

// newCRIProxy listens on a unix socket at path.
func newCRIProxy(path, containerd string) (*criProxy, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err // one that was killed left it
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	p := &criProxy{listener: l, containerd: containerd, conns: map[net.Conn]bool{}}
	go p.serve()
	return p, nil
}

// serve ends when the proxy is cut.
func (p *criProxy) serve() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.forward(conn)
	}
}

// forward carries a connection until either side closes it. Where containerd is away, the
// kubelet finds it closed, and tries again.
func (p *criProxy) forward(kubelet net.Conn) {
	defer kubelet.Close()
	containerd, err := net.Dial("unix", p.containerd)
	if err != nil {
		return
	}
	defer containerd.Close()
	if !p.keep(kubelet, containerd) {
		return
	}
	defer p.forget(kubelet, containerd)
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{kubelet, containerd}, {containerd, kubelet}} {
		go func() {
			_, _ = io.Copy(way[0], way[1]) // how it ended is no matter: both are closed
			ended <- struct{}{}
		}()
	}
	<-ended
}

// keep notes open connections, unless it is too late for them.
func (p *criProxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		return false
	}
	for _, c := range conns {
		p.conns[c] = true
	}
	return true
}

func (p *criProxy) forget(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.conns, c)
	}
}

// Cut closes every connection, and lets no other through.
func (p *criProxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	_ = p.listener.Close() // that it is closed already is no matter, here and below
	for c := range p.conns {
		_ = c.Close()
	}
}
