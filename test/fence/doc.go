// Package fence tests the fence on a cluster: what the API server denies whom, and that
// beside a controller-manager whose StatefulSet controller is on, Ordinal's controller and
// that one never act on the same set.
//
// It drives the built programs on simulated nodes and links no part of Kubernetes.
package fence
