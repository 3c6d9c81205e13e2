// Package revision keeps a StatefulSet's history of pod templates as
// ControllerRevisions.
//
// It promises that the data, hash, name and labels of every revision are
// exactly those the in-tree controller of Kubernetes 1.37 makes, so that either
// controller finds the other's revision equal to its own and creates none. The
// one exception is a name upstream could never have used: see [Name]. It is
// pure; creating, renumbering and deleting are left to the caller.
package revision
