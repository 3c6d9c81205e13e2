// Package integration runs Ordinal's controller against the embedded control
// plane with simulated nodes: a real API server, etcd, garbage collector,
// scheduler and volume provisioner, and pods that only claim to run. It needs no
// privilege.
//
// One cluster serves all tests; each has a namespace of its own, and they run
// in parallel. A test reads as what a user does and what then happens: see package
// world.
package integration
