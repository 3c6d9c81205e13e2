// Package mutants plants bugs in the controller, one at a time, and shows that the
// simulator finds each: a promise whose breach nobody would notice is worth nothing.
//
// A mutant replaces a few lines of the sources by wrong ones, in a copy that only
// the compiler sees (go build -overlay). The test takes a few seconds for each and
// is behind the build tag "mutants"; `make mutants` runs it and prints the table.
package mutants
