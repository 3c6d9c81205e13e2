// Package crd carries the CustomResourceDefinitions of the types of v1alpha1, which
// `make generate` makes from them. They are in a package of their own since the types are
// imported by packages that read no files.
package crd

import _ "embed"

// StatefulSetPolicies is the definition of statefulsetpolicies.ordinal.dev, as YAML.
//
//go:embed ordinal.dev_statefulsetpolicies.yaml
var StatefulSetPolicies []byte

// Manager is the value of the label app.kubernetes.io/managed-by of definitions that
// `ordinal up` has installed and upgrades, by which the chart knows to leave them alone.
const Manager = "ordinal-up"
