// Package cluster is a real Kubernetes on one machine: it ties etcd, the
// control plane, the node and what a StatefulSet needs of names, volumes and
// images together, and starts and stops them in order.
//
// It promises: everything it writes is below the data directory, everything
// listens on loopback or the pod bridge, with TLS and a certificate for every
// client; one cluster uses a data directory, and one real node a machine.
//
// Upstream's components keep state in globals: a process can start one
// cluster, once.
package cluster
