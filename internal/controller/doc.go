// Package controller runs StatefulSets: it keeps a cache of the cluster, feeds
// snapshots of it to package plan, and carries the plans out.
//
// It promises that
//   - a set is never acted on from a cache that has not yet seen what this
//     controller last wrote for it;
//   - nothing is deleted but the very object the plan saw: deletes carry its UID
//     and resourceVersion;
//   - nothing is force-deleted, and a pod is created only when no object of its
//     name is left;
//   - a write that would change nothing is not made, and status is written at
//     most a second after it changed, at once when the set is at rest; a plan that
//     takes longer to carry out gives way to the next one;
//   - a change that only the status counts is planned for when the status is due,
//     and any other at once;
//   - many sets with new generations begin a few at a time, and none has to wait
//     for one that is stuck;
//   - while another controller acts on the sets of a namespace, nothing is written there;
//   - a refused write is told in an event and in the set's conditions, and tried
//     again ever more slowly.
//
// All decisions are in package plan. This package imports nothing of
// k8s.io/kubernetes, and may run several times in one process.
//
// It joins the rooms below it, none of which knows it:
//   - guard: where this controller may act;
//   - snapshot: what plans are made from, out of the caches or from the API server;
//   - apply: a plan carried out;
//   - queue: when a set is planned again, and in which order;
//   - report: status, events and metrics;
//   - apiclient: connections to the API server.
//
// The packages kinds and timing are what the rooms share.
package controller
