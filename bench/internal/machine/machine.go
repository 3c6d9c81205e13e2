// Package machine says what the figures of a benchmark were measured on, and
// what a process has used of it.
package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of CPU time in /proc: USER_HZ is 100 on every Linux that
// Go runs on.
const clockTick = time.Second / 100

// Describe says where figures come from; they mean little without it.
func Describe() string {
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		kernel = []byte("unknown")
	}
	return fmt.Sprintf("%d × %s, %s of memory, Linux %s", runtime.NumCPU(), processor(), memory(), strings.TrimSpace(string(kernel)))
}

func processor() string {
	if model, err := field("/proc/cpuinfo", "model name"); err == nil {
		return model
	}
	return runtime.GOARCH
}

func memory() string {
	total, err := kibibytes("/proc/meminfo", "MemTotal")
	if err != nil {
		return "an unknown amount"
	}
	return fmt.Sprintf("%.0f GiB", float64(total)/(1<<30))
}

// CPUTime is the user and system time of the process whose directory in /proc
// is given.
func CPUTime(proc string) (time.Duration, error) {
	stat, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return 0, err
	}
	// The program's name, in parentheses, may hold spaces; after it come the
	// fields from the third on. utime and stime are the 14th and 15th.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s/stat: %w", proc, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// Resident is the memory of a process that is in RAM, in bytes.
func Resident(proc string) (int64, error) {
	return kibibytes(filepath.Join(proc, "status"), "VmRSS")
}

// kibibytes reads a field such as "VmRSS:  1234 kB", and returns bytes.
func kibibytes(file, name string) (int64, error) {
	value, err := field(file, name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(value, " kB"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %s: %w", file, name, err)
	}
	return n << 10, nil
}

// field reads the first "name: value" of a file.
func field(file, name string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("%s has no %s", file, name)
}
