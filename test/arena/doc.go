// Package arena is where two StatefulSet controllers meet on equal terms: a
// simulated cluster that has none of its own, each of them in a process, and the
// API server's record of what each wrote.
//
// The benchmark and the takeover test use it. It drives the built programs and
// links no part of Kubernetes.
package arena
