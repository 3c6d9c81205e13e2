// Package takeover tests that Ordinal's controller can take a cluster over from
// the in-tree one, and give it back, without anybody noticing: no pod is deleted
// or patched, no revision is created, and no spec is written; and that, where both run at
// once, Ordinal's leaves the sets to the other one until that has ended. Behind the fence the
// same holds while both run.
//
// It drives the built cluster and in-tree controller from outside, and runs Ordinal's
// controller in the test's process, or as a built program where it is behind the fence.
// testdata holds the sets.
package takeover
