// Package version says which Ordinal and which Kubernetes this binary is.
package version

// Kubernetes is the upstream release embedded in `ordinal up`; it moves with
// go.mod.
const Kubernetes = "v1.37.2"

// version is set by the linker (-X); a plain `go build` leaves "dev".
var version = "dev"

// Ordinal is this build's version.
func Ordinal() string { return version }
