// Package apiserver is a Kubernetes API server in memory, for one goroutine, with
// what a StatefulSet's controller depends on.
//
// It promises what the real one does about resourceVersions, optimistic
// concurrency, preconditions, generation, the status subresource, graceful
// deletion, finalizers, owner references and garbage collection, quota and
// namespaces that are being deleted, and the validation of names, owners and
// immutable fields. A test in test/integration makes the same requests of both and
// compares the answers.
//
// What it keeps is never modified: every write puts a new object in the place of
// the old one, so that what was read or heard of stays as it was.
package apiserver
