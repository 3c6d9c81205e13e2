// Package sim is a world in memory in which the real controller runs: an API
// server, a scheduler, kubelets on nodes that get lost, a garbage collector, users
// who change their minds, and every fault that a controller has to live with. It
// looks for histories that break a promise of a StatefulSet.
//
// It promises that
//   - a history is a function of its [Script], and a Script one of its seed: what
//     was seen once is seen again, in one goroutine, with no clock but its own;
//   - the code under test is package controller as it ships: its reconciler, its
//     planner, its executor and its caches, through [controller.Engine];
//   - every promise is checked at every step, against what is so, not against what
//     somebody believes;
//   - a broken promise is told as a story, the shortest that was found.
package sim
