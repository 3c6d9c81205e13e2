// Package queue decides when a set is planned again, and in which order.
//
//   - eventfilter.go: what a change of an object means for the plans of its set.
//   - pending.go: changes that can wait for the next plan.
//   - priority.go: sets that move come before those that do not.
//   - admission.go: new generations are begun a few sets at a time.
//   - retry.go: pauses between tries of what failed.
//
// The package reads and writes nothing. Its clock is the caller's.
package queue
