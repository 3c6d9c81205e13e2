// Package upstream runs Kubernetes' own end-to-end tests of StatefulSet, those of
// its conformance suite among them, on a cluster with real containers in which
// Ordinal is the StatefulSet controller. It promises that they pass as they are:
// nothing of them is copied, changed or left out, but for the one that downloads
// CockroachDB.
//
// It is a module of its own, since those tests need much that nothing else here
// does. It needs root, bin/ordinal, bin/agnhost and bin/busybox: `make upstream`
// builds them.
package upstream
