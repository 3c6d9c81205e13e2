// Package apiclient has the connections to the API server.
//
//   - retryreads.go, outage.go: reads outlast an outage, and the log tells of it once.
//   - ratelimit.go: one limit of requests a second for all clients but the lease's.
//   - restclients.go: REST clients whose answers are decoded selectively, and the caches
//     that are filled by them.
//   - metadataonly.go: writes of whose answers only the metadata are asked for.
//   - follow.go: namespaces and admission policies, followed and not kept.
//   - intree.go: requests as the in-tree controller's account.
//   - restored.go: a store that was restored from a backup ends the controller.
//
// The package knows the kinds and nothing about StatefulSets.
package apiclient
