// Package controlplane runs kube-apiserver, the upstream controllers and
// kube-scheduler as libraries in this process.
//
// Each part sets the upstream options as typed values, where a package of
// manifests would have command lines, and calls the exported Run. The cobra
// commands upstream ships are never used: they install a signal handler that
// may be installed once in a process, and read the process's flags.
//
// Upstream keeps feature gates, metrics and the /configz registry in globals,
// so a process can hold one control plane, once.
package controlplane
