// Package fence says what keeps the in-tree StatefulSet controller out of a namespace, and
// which namespaces and sets are Ordinal's. It is pure.
//
// The fence is a ValidatingAdmissionPolicy: the API server itself denies what the in-tree
// controller's account writes about sets that are Ordinal's, with no webhook. Whose sets
// are, is said by a label and annotations of their namespace, which only those may change
// who may change namespaces: one object that the API server's policy, this controller and
// people read alike.
//
//   - policy.go: the policy and its binding, with every field that the API server would
//     set by default, so that what is found can be compared with what it must be.
//   - charge.go: what a namespace says of who is in charge of its sets.
//   - probe.go: writes that the fence must refuse, and how to tell that it was the fence.
//   - record.go: what the controller says of each namespace, for `kubectl ordinal`.
//
// It promises that a set is Ordinal's by [Charge] exactly if the policy denies the writes of
// the in-tree controller about it.
package fence
