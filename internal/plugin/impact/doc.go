// Package impact says what would change if sets were Ordinal's: it takes the plans that
// the controller would make of them now, and puts them together. It is pure.
package impact
