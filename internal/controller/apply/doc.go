// Package apply carries plans out: it makes their writes, and knows which of them the
// caches have to show before the set is planned again.
//
//   - writer.go: a plan's actions in their order.
//   - batches.go, pacing.go: how many writes at a time, and for how long.
//   - writes.go: one action as a request. Pods are deleted here.
//   - preconditions.go: what is read from the API server just before a write, because no
//     cache can rule it out.
//   - collisions.go: a revision's name that is taken.
//   - refusals.go: writes that failed, and when no more of their sort are made.
//   - outcome.go: what a failure means for what is remembered.
//   - expectations.go: what was written and the caches may not show yet.
//
// Every write to an existing object names its UID, and every delete its resourceVersion
// too: nothing is deleted but the very object that the plan saw. Nothing is deleted by
// force.
package apply
