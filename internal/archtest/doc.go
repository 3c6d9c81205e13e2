// Package archtest holds the rules of the house that a compiler does not know:
// who may import whom, what a pure package may not call, and how long a function
// or a file may be. It contains tests only; `make check` runs them.
//
// The import rules look at the whole graph and not at single import lines, so
// a helper package in between does not hide a breach; the failure prints the way
// from the package to what it must not reach.
package archtest
