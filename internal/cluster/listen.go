package cluster

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// listen binds the address, or says who holds it.
func listen(addr netip.AddrPort, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr.String())
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d of %s is in use by %s: stop that, or choose another port with %s",
			addr.Port(), addr.Addr(), holder(addr.Port()), flag)
	}
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", addr, err)
	}
	return l, nil
}

// holder describes the process that listens on the TCP port.
func holder(port uint16) string {
	inodes := listeners(port)
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range processes {
		fds, _ := filepath.Glob(filepath.Join(p, "fd", "*"))
		for _, fd := range fds {
			target, err := os.Readlink(fd)
			if err != nil || !inodes[target] {
				continue
			}
			command, _ := os.ReadFile(filepath.Join(p, "cmdline"))
			return fmt.Sprintf("process %s (%s)", filepath.Base(p), strings.TrimSpace(strings.ReplaceAll(string(command), "\x00", " ")))
		}
	}
	return "a process this user may not see"
}

// listeners are the sockets that listen on the port, as /proc/PID/fd shows
// them.
func listeners(port uint16) map[string]bool {
	const (
		local, state, inode = 1, 3, 9 // columns of /proc/net/tcp, proc(5)
		listening           = "0A"
	)
	found := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, _ := os.ReadFile(table)
		for line := range strings.Lines(string(data)) {
			f := strings.Fields(line)
			if len(f) <= inode || f[state] != listening {
				continue
			}
			_, hex, _ := strings.Cut(f[local], ":")
			if p, err := strconv.ParseUint(hex, 16, 16); err == nil && uint16(p) == port {
				found["socket:["+f[inode]+"]"] = true
			}
		}
	}
	return found
}
