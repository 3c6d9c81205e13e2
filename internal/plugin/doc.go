// Package plugin is the commands of `kubectl ordinal`: they work on any cluster that a
// kubeconfig names, and need no Kubernetes of their own. cmd/kubectl-ordinal is nothing
// but them; `ordinal` has them beside those of its own cluster.
//
// The files here read flags and print. What they say and do is in the rooms below, of
// which those that judge (impact, the words of handover, overview and preflight) are
// pure:
//
//   - install: how Ordinal is installed in a cluster, and what its controller says.
//   - impact: what taking a set would change.
//   - proposal: what would happen if a manifest was applied; what it says of a set is
//     internal/forecast's.
//   - handover: taking namespaces and sets, and giving them back.
//   - overview: who is in charge of which sets, and how they are.
//   - preflight: whether the fence can hold in a cluster, tried out there.
//   - follow: watching one set until it is as it is to be.
//   - terminal: progress on a terminal, and elsewhere.
//
// A command promises to write nothing but what its help says, to end with 1 where it did
// not reach what it was asked for, and to say a mistake in one sentence with the fix.
package plugin
