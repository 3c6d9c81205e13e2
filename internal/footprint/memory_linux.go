package footprint

import (
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Memory is how much memory this process may use, in bytes: all that the machine has,
// or less where a cgroup limits it. Zero means that it is unknown.
func Memory() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		own = nil // without cgroups there is no limit
	}
	return min(uint64(info.Totalram)*uint64(info.Unit), cgroupLimit(os.DirFS("/sys/fs/cgroup"), string(own)))
}

// cgroupLimit is the smallest limit, in bytes, of the cgroups that /proc/PID/cgroup
// lists and of those around them.
func cgroupLimit(cgroups fs.FS, own string) uint64 {
	least := uint64(math.MaxUint64)
	for line := range strings.Lines(own) {
		// "4:memory:/user.slice" in version 1, "0::/user.slice" in version 2.
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 || f[1] != "" && f[1] != "memory" {
			continue
		}
		file := "memory.max"
		if f[1] == "memory" {
			file = "memory.limit_in_bytes"
		}
		for dir := path.Join("/", f[2]); ; dir = path.Dir(dir) {
			// A file that is not there, or says "max", sets no limit.
			text, _ := fs.ReadFile(cgroups, path.Join(f[1], dir[1:], file))
			if limit, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil {
				least = min(least, limit)
			}
			if dir == "/" {
				break
			}
		}
	}
	return least
}
