// Package world is what the tests of the controller on a cluster share: a
// namespace that is watched, so that a test can wait for changes and not for
// time, and can say in which order things happened to its pods.
//
// It needs nothing but an API server, so that simulated and real nodes are tested
// in the same words.
package world
