// Package apiserver is a Kubernetes API server in memory, for one goroutine, with
// what a StatefulSet's controller depends on.
//
// It promises what the real one does about resourceVersions, optimistic
// concurrency, preconditions, generation, the status subresource, graceful
// deletion, finalizers, owner references and garbage collection, quota and
// namespaces that are being deleted, and the validation of names, owners and
// immutable fields. It was written from the real one's sources; nothing compares the
// two yet.
//
// What it keeps is never modified: every write puts a new object in the place of
// the old one, so that what was read or heard of stays as it was.
package apiserver
