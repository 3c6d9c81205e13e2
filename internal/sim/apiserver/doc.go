// Package apiserver is a Kubernetes API server in memory, for one goroutine, with
// what a StatefulSet's controller depends on.
//
// It promises what the real one does about resourceVersions, optimistic
// concurrency, preconditions, generation, the status and scale subresources,
// graceful deletion, finalizers, owner references and garbage collection, quota and
// namespaces that are being deleted, and the validation of names, owners and
// immutable fields. test/integration sends the same random requests to it and to the
// real one, and compares every answer and then all that both hold.
//
// What is not so, and not compared: defaults of fields that no controller of sets
// reads, StorageClasses, of which here all or none let claims grow, managedFields of
// all but Services, and when the garbage collector gets to something, which here is
// whenever Collect is called. Of a pod that is deleted at once the real server tells
// twice.
//
// What it keeps is never modified: every write puts a new object in the place of
// the old one, so that what was read or heard of stays as it was.
package apiserver
