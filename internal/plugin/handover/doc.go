// Package handover puts namespaces and sets under Ordinal, and under the in-tree
// controller again.
//
// Whose the sets are is said by a namespace's label and annotations (package fence). Both
// ways, what the controller says in its record tells when they may be changed: it acts
// only once the fence is proven, and the label goes only once the controller has taken
// back what it had set.
//
//   - targets.go: what a person names.
//   - words.go: what the controller's record means for a target. Pure.
//   - take.go, giveback.go: the two ways.
//   - namespace.go, rolebinding.go: the objects that are written, and nothing else is.
package handover
