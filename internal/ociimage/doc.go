// Package ociimage makes a container image of one static binary, without
// Docker, a registry or a build file: one layer, a configuration, a manifest.
//
// The same binary always gives the same image, digest for digest: no clock and
// no machine enters it.
package ociimage
