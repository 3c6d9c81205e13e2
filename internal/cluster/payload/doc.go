// Package payload carries the programs that a cluster runs as child processes
// (containerd, its shim, runc, the CNI plugins and pause) inside the ordinal
// binary and puts them into the data directory.
//
// It promises that what is run is what was built: every start checks every
// program against the digest that was embedded with it, replaces what differs,
// and takes nothing from elsewhere on the machine. A build without the
// programs compiles and says so when asked to unpack them.
package payload
