// Package node makes this machine the cluster's node: the pod bridge, cgroups,
// containerd, kubelet and kube-proxy, and takes all of it down again.
//
// It promises: what it makes on the machine is found again by name, never by
// memory. The bridge carries the data directory as its alias, mounts lie below
// the data directory, cgroups below one of our own, nftables rules in tables of
// our own, processes run binaries of the data directory. So Teardown cleans up
// after a cluster that was killed exactly as after one that stopped.
//
// containerd and the shims outlive this process on purpose: containers go on
// when it dies, and the next start adopts them.
package node
