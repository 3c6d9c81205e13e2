// Package rig is what the tests on real containers share: a cluster that is
// driven through bin/ordinal as a person would, and an account of what is on the
// machine, so that nothing of a cluster can stay behind unseen.
//
// There can be one cluster on a machine. One that runs already is set aside:
// taken down before the tests, its data kept, and up again after.
package rig
