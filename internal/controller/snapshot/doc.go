// Package snapshot takes the snapshots that plans are made from: out of the caches, for
// the controller, or straight from the API server, for a command that shows a plan.
//
//   - snapshot.go: what belongs into a snapshot of one set; [Take] and [Load].
//   - cache.go, live.go: the two places it is taken from. Objects of a cache are shared
//     and must not be modified.
//   - decode.go, transform.go: only what plans read is decoded and kept in the caches.
//   - seen.go: which resourceVersions the caches have seen.
//   - catchup.go: what is read from the API server before a set is planned, because the
//     caches may be older than the last write to it.
//   - membership.go: which sets an object belongs to.
//
// The package makes no write and decides nothing about a set.
package snapshot
