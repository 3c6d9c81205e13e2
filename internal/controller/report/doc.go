// Package report tells of what the controller sees and does: in the status of sets, in
// events, and in metrics.
//
//   - status.go: when a status is written, and what that of a set in line says.
//   - events.go: how an event of a plan becomes one of Kubernetes.
//   - eventlimits.go: events of what was done are merged, and limited by their rate.
//   - warnings.go: a warning is recorded once for as long as it holds.
//   - refusals.go: a refused write is told in an event and in the set's conditions.
//   - metrics.go: upstream's metrics by their names, and Ordinal's own.
//
// The package decides when something is told and never what: words and reasons are the
// plan's. It makes no write but events.
package report
