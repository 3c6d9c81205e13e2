// Package images lets a cluster run images that no registry has.
//
// What `ordinal load` reads from a file goes into a Store, a directory that is
// an OCI image layout, and a Registry serves that directory to containerd,
// which asks it first for every image whatever the host in its name. An image
// that is not in the store comes from its real registry as usual.
//
// The store is written by whoever loads, not through the registry, so that
// loading works whether or not the cluster is up, and the registry is left
// with reading: the HTTP API for GET and HEAD over the directory, some hundred
// lines, in place of an upload protocol nobody would use.
//
// It promises: an image is in the store whole or not at all, whatever happens
// while it is loaded; several processes may use one store; what was loaded
// satisfies every pull policy (Always asks the registry, IfNotPresent and
// Never find what Pull put into containerd).
package images
