// Package preflight finds out whether the fence can hold in a cluster, by trying it there:
// in a namespace of its own, with a policy that counts in that namespace alone, and with a
// set of one replica whose pod is never scheduled. Behind the fence the set must stay
// without a pod, and get one when the fence is lifted. That shows what the controller's own
// proof cannot: that this cluster's in-tree controller acts as the account that the fence
// keeps out.
//
//   - objects.go: what is made for it. Pure.
//   - verdict.go: what follows from what was seen, in words. Pure.
//   - try.go, probe.go: the trial.
//   - clean.go: everything that was made goes again, whatever has happened.
package preflight
