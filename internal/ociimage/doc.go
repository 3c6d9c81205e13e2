// Package ociimage makes container images of static binaries, without Docker, a
// registry or a build file: one layer, a configuration, a manifest, and for
// several platforms an index of them.
//
// The same binaries always give the same image, digest for digest: no clock and
// no machine enters it.
package ociimage
