package rig

import (
	"bufio"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/nftables"
)

// A Machine is all that a cluster could leave behind on one, a line each.
type Machine map[string]bool

// NothingLeft compares the machine after `ordinal down` with m, the untouched one.
// dataDir is the cluster's.
func (m Machine) NothingLeft(dataDir string) error {
	now, err := Look(dataDir)
	if err != nil {
		return err
	}
	var left []string
	for line := range now {
		if !m[line] {
			left = append(left, line)
		}
	}
	if len(left) == 0 {
		return nil
	}
	slices.Sort(left)
	return fmt.Errorf("after `ordinal down` this is left on the machine:\n\t%s", strings.Join(left, "\n\t"))
}

// Look takes stock of the machine. Of processes, only those count that have to
// do with the data directory or run in a pod: others come and go.
func Look(dataDir string) (Machine, error) {
	m := Machine{}
	for _, part := range []func(Machine) error{
		func(m Machine) error { return m.processes(dataDir) },
		Machine.mounts, Machine.interfaces, Machine.cgroups, Machine.tables, Machine.places,
	} {
		if err := part(m); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m Machine) add(kind, name string) { m[kind+" "+name] = true }

func (m Machine) processes(dataDir string) error {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		// A process that ends while it is read has nothing to say.
		exe, _ := os.Readlink(filepath.Join(dir, "exe"))
		args, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		groups, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
		if len(args) == 0 {
			continue // the kernel's own, or ended and not yet reaped by who inherited it
		}
		ours := strings.HasPrefix(exe, dataDir) || strings.Contains(string(args), dataDir) ||
			strings.Contains(string(groups), "kubepods")
		if ours {
			m.add("process", fmt.Sprintf("%s %s", filepath.Base(dir), strings.ReplaceAll(string(args), "\x00", " ")))
		}
	}
	return nil
}

func (m Machine) mounts() error {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		m.add("mount", strings.Fields(lines.Text())[4])
	}
	return lines.Err()
}

func (m Machine) interfaces() error {
	interfaces, err := net.Interfaces()
	for _, i := range interfaces {
		m.add("interface", i.Name)
	}
	return err
}

// cgroups leaves out what systemd makes for logins and services.
func (m Machine) cgroups() error {
	const root = "/sys/fs/cgroup"
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // one that went away meanwhile
		}
		switch filepath.Ext(path) {
		case ".scope", ".service", ".slice":
			return filepath.SkipDir
		}
		m.add("cgroup", path)
		return nil
	})
}

func (m Machine) tables() error {
	conn, err := nftables.New()
	if err != nil {
		return err
	}
	tables, err := conn.ListTables()
	if err != nil {
		return nil // a kernel without nftables has no tables
	}
	for _, t := range tables {
		m.add("nftables table", t.Name)
	}
	return nil
}

// places are where the parts of a cluster put files unless they are told not to.
func (m Machine) places() error {
	for _, dir := range []string{
		"/etc/cni", "/etc/containerd", "/etc/kubernetes", "/opt/cni", "/opt/containerd", "/run/containerd", "/run/netns",
		"/run/kubernetes", "/run/xtables.lock", "/usr/libexec/kubernetes", "/var/lib/cni", "/var/lib/containerd",
		"/var/lib/etcd", "/var/lib/kubelet", "/var/log/containers", "/var/log/pods", "/var/run/kubernetes",
	} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				m.add("file", path)
			}
			return nil // not there, or no longer
		})
		if err != nil {
			return err
		}
	}
	return nil
}
