// Package install finds out how Ordinal is installed in a cluster: its fence, its
// controller, and what the controller says of itself. It only reads.
//
// It needs few rights: where the controller's namespace may not be looked into, what is
// in there is unknown, and no error.
package install
