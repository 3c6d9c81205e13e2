// Package dns answers the names of the cluster: CoreDNS as a library, on one
// address, over UDP and TCP.
//
// [Server] serves A, AAAA, SRV and PTR records of the cluster's domain as the
// Kubernetes DNS specification has them, and forwards every other name to the
// machine's resolvers.
//
// # What it promises
//
// A name of the cluster answers as soon as its address is in the API, also
// before the pod is Ready when its Service publishes such addresses. Answers
// for the cluster are cached nowhere, negative ones neither: not here, and
// not by clients, since their TTL is 0. Addresses in the cluster's ranges are
// resolved to names here and are never asked of anyone else.
//
// Answers from other resolvers are cached by their TTL. A machine without
// resolvers, and one whose resolvers send queries back here, has these names
// refused, and the log says so.
//
// # How CoreDNS is embedded
//
// Its plugins are chained by hand, without Caddy and a Corefile. The setup
// of CoreDNS's kubernetes plugin replaces the logger of klog for the whole
// process, in which API server and kubelet log too; its listeners share their
// port with whoever asks; its loop plugin exits the process. Composed by
// hand, nothing is global, a port in use is an error, and a server can be
// started again in the same process.
//
// Two things are left. Queries that fail are logged here, but the few lines
// that CoreDNS writes itself (such as that it waits for the API) go to the
// standard library's logger, wherever the process sends that. And linking the
// kubernetes plugin defines CoreDNS's command-line flags in flag.CommandLine,
// which nothing here parses.
package dns
