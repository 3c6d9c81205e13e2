// Package version says which Ordinal and which Kubernetes this binary is.
package version

// Set by the linker (-X); a plain `go build` leaves them as they are.
var version, kubernetes = "dev", "unknown"

// Ordinal is this build's version.
func Ordinal() string { return version }

// Kubernetes is the version of the upstream components in this binary.
func Kubernetes() string { return kubernetes }
