// Package alerts has Prometheus itself say when the chart's alerts fire, and read the
// queries of its dashboard.
//
// It is a module of its own, as nothing else needs Prometheus.
package alerts
