// Package layout names every file of the data directory in one place, so that
// a person, `ordinal status` and the parts all mean the same file.
package layout

import "path/filepath"

// Layout is the data directory of one cluster.
type Layout struct{ Root string }

func (l Layout) path(elem ...string) string {
	return filepath.Join(append([]string{l.Root}, elem...)...)
}

// Entries are the paths in the data directory below which everything else lies, in the
// order in which they can be deleted.
func (l Layout) Entries() []string {
	return []string{
		l.Config(), l.Kubeconfig(), l.PKI(), l.Etcd(), l.Logs(), l.Bin(), l.Containerd(), l.path("etc"),
		l.Kubelet(), l.PodLogs(), l.Volumes(), l.Images(), l.VersionFile(), l.Run(),
	}
}

// VersionFile holds the format of the directory; see Format.
func (l Layout) VersionFile() string { return l.path("version") }

// Config holds what the cluster was last started with.
func (l Layout) Config() string { return l.path("config.json") }

// LockFile is flock'ed by the running cluster for as long as it lives.
func (l Layout) LockFile() string { return l.path("run", "lock") }

// PIDFile holds the process id of the running cluster.
func (l Layout) PIDFile() string { return l.path("run", "ordinal.pid") }

// StateFile is the JSON that `up`, `down` and `status` read.
func (l Layout) StateFile() string { return l.path("run", "state.json") }

// Run holds sockets and files that mean nothing after a reboot.
func (l Layout) Run() string { return l.path("run") }

// Kubeconfig is the administrator's, mode 0600.
func (l Layout) Kubeconfig() string { return l.path("kubeconfig") }

// KubeconfigFor is the kubeconfig of one of the cluster's own identities.
func (l Layout) KubeconfigFor(identity string) string {
	return l.path("pki", identity+".kubeconfig")
}

// PKI holds certificates and keys.
func (l Layout) PKI() string { return l.path("pki") }

// Etcd holds the store.
func (l Layout) Etcd() string { return l.path("etcd") }

// EtcdSocket is where etcd listens: in a directory that no other user enters.
func (l Layout) EtcdSocket() string { return l.path("etcd", "etcd.sock") }

// Logs holds one file a process or part.
func (l Layout) Logs() string { return l.path("logs") }

// Log is the log file of a part that has one of its own.
func (l Layout) Log(name string) string { return l.path("logs", name+".log") }

// Bin holds the child binaries, unpacked and verified.
func (l Layout) Bin() string { return l.path("bin") }

// Containerd holds containerd's persistent state (images, snapshots).
func (l Layout) Containerd() string { return l.path("containerd") }

// ContainerdState holds containerd's state of running tasks.
func (l Layout) ContainerdState() string { return l.path("run", "containerd") }

// ShimSockets holds the sockets of containerd's shims; its path must be short.
func (l Layout) ShimSockets() string { return l.path("run", "s") }

// ContainerdSocket is the CRI endpoint.
func (l Layout) ContainerdSocket() string { return l.path("run", "containerd.sock") }

// KubeletSocket is where the kubelet finds containerd.
func (l Layout) KubeletSocket() string { return l.path("run", "kubelet.sock") }

// ContainerdPID is the process id of the containerd of this cluster.
func (l Layout) ContainerdPID() string { return l.path("run", "containerd.pid") }

// ContainerdConfig is containerd's configuration, rewritten at each start.
func (l Layout) ContainerdConfig() string { return l.path("etc", "containerd.toml") }

// CNI holds the network configuration; CNIState the addresses given out.
func (l Layout) CNI() string { return l.path("etc", "cni") }

// CNIState holds the addresses given out to pods.
func (l Layout) CNIState() string { return l.path("run", "cni") }

// RegistryHosts is containerd's certs.d directory.
func (l Layout) RegistryHosts() string { return l.path("etc", "certs.d") }

// ResolvConf is what pods with dnsPolicy Default get.
func (l Layout) ResolvConf() string { return l.path("etc", "resolv.conf") }

// Kubelet is the kubelet's root directory.
func (l Layout) Kubelet() string { return l.path("kubelet") }

// PodLogs holds the containers' logs.
func (l Layout) PodLogs() string { return l.path("pod-logs") }

// Volumes holds one directory a claim.
func (l Layout) Volumes() string { return l.path("volumes") }

// Images holds what was loaded with `ordinal load`.
func (l Layout) Images() string { return l.path("images") }

// SchedulerConfig is kube-scheduler's configuration, rewritten at each start.
func (l Layout) SchedulerConfig() string { return l.path("etc", "kube-scheduler.yaml") }
