// Package machine is what a machine can do to a cluster: kill its processes at
// any moment, fill its disk, run out of memory, lose its power. Every test starts
// a cluster of its own on real containers, through bin/ordinal, and checks that
// what was acknowledged is kept, that the cluster recovers, and that nothing is
// left over.
//
// It needs what package e2e needs. `make soak-machine` runs the killing for
// longer.
package machine
